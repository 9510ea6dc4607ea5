import { composeConfig } from '../../ts/config/index.ts'
import { runTraining } from '../../ts/launch/run.ts'
import type { Hook } from '../../ts/train/hook.ts'

/** A run small enough for a test: drawn shapes, a narrow network, a few steps an epoch. */
export const tiny: readonly string[] = [
  'config=quickstart',
  'config.DATA.TRAIN.DATA_SOURCES=[shapes]',
  'config.DATA.TEST.DATA_SOURCES=[shapes]',
  'config.DATA.TRAIN.DATASET_NAMES=[shapes]',
  'config.DATA.TEST.DATASET_NAMES=[shapes]',
  'config.DATA.TRAIN.DATA_LIMIT=64',
  'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=16',
  'config.DATA.TRAIN.TRANSFORMS.1.size=16',
  'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.BASE_WIDTH=4',
  'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[32,16]}]]',
  'config.LOSS.simclr_info_nce_loss.buffer_params.embedding_dim=16',
  'config.EVALUATION.KNN.ENABLED=false',
  'config.OPTIMIZER.num_epochs=2',
  'config.MACHINE.THREADS=1',
  'config.MACHINE.MEMORY_FORMAT=channels_last',
]

export interface RunOptions {
  overrides?: readonly string[]
  resume?: string
  hooks?: readonly Hook[]
  dryRun?: boolean
  fitMachine?: boolean
  profile?: number
}

/** Trains in `cwd` and returns what was printed; `overrides` go after those of `tiny`. */
export async function runTiny(cwd: string, options: RunOptions = {}): Promise<string> {
  const overrides = [...tiny, ...(options.overrides ?? [])]
  const { config, origins } = composeConfig({ overrides, cwd })
  let printed = ''
  await runTraining({
    config,
    origins,
    name: 'tiny',
    folder: undefined,
    resume: options.resume,
    dryRun: options.dryRun ?? false,
    fitMachine: options.fitMachine ?? false,
    profile: options.profile ?? 0,
    commandLine: ['vissl', 'train', ...overrides],
    cwd,
    output: { write: (text) => (printed += text) },
    hooks: options.hooks ?? [],
  })
  return printed
}
