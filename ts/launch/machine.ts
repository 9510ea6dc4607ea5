import type { Config } from '../config/index.ts'
import { worldSize } from '../distributed/index.ts'
import { cudaDeviceCount } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'

/** Batch of one process that a small machine is given. */
const SMALL_BATCH = 16

/** A change that lets a configuration run here. */
interface Change {
  /** As on the command line. */
  readonly override: string
  readonly apply: (config: Config) => void
}

/**
 * Finds out whether this machine can run the configuration: a GPU where there is none, one process a GPU, a back end
 * for GPUs alone.
 *
 * @param fit whether to change what does not fit (one process on the CPU, batches of 16)
 * @param say told what was changed
 * @param gpus usable GPUs of this machine
 * @returns the configuration, changed where `fit` asks for it
 * @throws VisslError (usage) that gives the overrides, when something does not fit and `fit` is false
 */
export function fitMachine(
  config: Config,
  fit: boolean,
  say: (message: string) => void,
  gpus = cudaDeviceCount(),
): Config {
  if (config.MACHINE.DEVICE === 'cpu' || gpus > 0) return config
  const changes = cpuChanges(config)
  const overrides = changes.map(({ override }) => override).join(' ')
  if (!fit) {
    const { NUM_NODES, NUM_PROC_PER_NODE } = config.DISTRIBUTED
    const count = NUM_NODES * NUM_PROC_PER_NODE
    throw new VisslError(
      ExitCode.usage,
      `the configuration asks for ${count} process${count === 1 ? '' : 'es'} on ${config.MACHINE.DEVICE}, and this machine has no usable GPU`,
      `add  --fit-machine  or, to choose yourself:\n    ${overrides}`,
    )
  }
  const fitted = structuredClone(config)
  for (const { apply } of changes) apply(fitted)
  say(`fitted to this machine: ${overrides}`)
  return fitted
}

function cpuChanges({ DISTRIBUTED, DATA, MODEL }: Config): Change[] {
  const changes: Change[] = [
    { override: 'config.MACHINE.DEVICE=cpu', apply: ({ MACHINE }) => (MACHINE.DEVICE = 'cpu') },
  ]
  if (DISTRIBUTED.BACKEND !== 'gloo') {
    changes.push({
      override: 'config.DISTRIBUTED.BACKEND=gloo',
      apply: (config) => (config.DISTRIBUTED.BACKEND = 'gloo'),
    })
  }
  for (const key of ['NUM_NODES', 'NUM_PROC_PER_NODE'] as const) {
    if (DISTRIBUTED[key] === 1) continue
    changes.push({
      override: `config.DISTRIBUTED.${key}=1`,
      apply: (config) => (config.DISTRIBUTED[key] = 1),
    })
  }
  for (const split of ['TRAIN', 'TEST'] as const) {
    if (DATA[split].BATCHSIZE_PER_REPLICA <= SMALL_BATCH) continue
    changes.push({
      override: `config.DATA.${split}.BATCHSIZE_PER_REPLICA=${SMALL_BATCH}`,
      apply: (config) => (config.DATA[split].BATCHSIZE_PER_REPLICA = SMALL_BATCH),
    })
  }
  // VISSL refuses mixed precision without a GPU; in float16 a CPU is many times slower.
  if (MODEL.AMP_PARAMS.USE_AMP && MODEL.AMP_PARAMS.AMP_TYPE !== 'bfloat16') {
    changes.push({
      override: 'config.MODEL.AMP_PARAMS.USE_AMP=false',
      apply: (config) => (config.MODEL.AMP_PARAMS.USE_AMP = false),
    })
  }
  return changes
}

/** @throws VisslError (usage) when the configuration counts on more processes than there are */
export function requireWorld({ DISTRIBUTED }: Config): void {
  const { NUM_NODES, NUM_PROC_PER_NODE } = DISTRIBUTED
  if (NUM_NODES * NUM_PROC_PER_NODE === worldSize()) return
  throw new VisslError(
    ExitCode.usage,
    `the configuration asks for ${NUM_NODES} × ${NUM_PROC_PER_NODE} processes, and this run has ${worldSize()}`,
    'add: config.DISTRIBUTED.NUM_NODES=1 config.DISTRIBUTED.NUM_PROC_PER_NODE=1',
  )
}
