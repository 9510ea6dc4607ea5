import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { composeConfig, inferConfig } from '../../ts/config/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { assembleHooks } from '../../ts/launch/hooks.ts'
import { Progress, RunFolder } from '../../ts/logging/index.ts'
import { buildLoss } from '../../ts/losses/index.ts'
import { type Hook, hooks } from '../../ts/train/hook.ts'
import type { Task } from '../../ts/train/task.ts'
import { Capture } from '../logging/output.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-hooks-'))
test.after.always(() => rmSync(cwd, { recursive: true, force: true }))

/** The reference's hooks by ours; what is ours alone has no entry. */
const reference: Readonly<Record<string, string>> = {
  'perf-stats': 'LogPerfTimeMetricsHook',
  'swav-momentum': 'SwAVMomentumHook',
  'swav-momentum-normalize-prototypes': 'SwAVMomentumNormalizePrototypesHook',
  'nan-check': 'CheckNanLossHook',
  'phase-start': 'SetDataSamplerEpochHook',
  'temp-freeze': 'FreezeParametersHook',
  'batches-seen': 'UpdateBatchesSeenHook',
  'train-batch-time': 'UpdateTrainBatchTimeHook',
  'test-batch-time': 'UpdateTestBatchTimeHook',
  'train-iteration': 'UpdateTrainIterationNumHook',
  // Two of ours do what this one does.
  'phase-metrics': 'LogLossMetricsCheckpointHook',
  progress: 'LogLossLrEtaHook',
  'gpu-stats': 'LogGpuStatsHook',
}

function namesFor(overrides: readonly string[]): string[] {
  const { config, origins } = composeConfig({ overrides, cwd })
  const folder = RunFolder.create({ dir: join(cwd, 'run'), name: 'x', cwd })
  const output = new Capture()
  const progress = new Progress({ output, frequency: 10, env: {} })
  const inferred = inferConfig(config, { origins })
  // Other losses need no hooks, and some of them large memories.
  const loss = inferred.LOSS.name.startsWith('swav') ? buildLoss(inferred.LOSS) : undefined
  const task = { config: inferred, loss } as Task
  const made = assembleHooks(task, { folder, checkpoints: folder.path, progress, log: folder.log })
  folder.close()
  return made.map(({ name }) => name)
}

test('hooks come in the reference’s order', (t) => {
  const file = new URL('../golden/training/hooks.json', import.meta.url)
  const rows = JSON.parse(readFileSync(file, 'utf8')) as {
    overrides: string[]
    loss: string
    hooks_in_order: string[]
  }[]
  for (const { overrides, hooks_in_order } of rows) {
    const names = namesFor(overrides)
    t.deepEqual(
      names.flatMap((name) => reference[name] ?? []),
      hooks_in_order,
      overrides.join(' '),
    )
  }
})

test('hooks of one’s own go by name, behind the reference’s and before checkpoints', (t) => {
  class Own implements Hook {
    static readonly key = 'own_hook'
    readonly name = Own.key
  }
  hooks.register(Own.key, Own)
  const base = ['config=quickstart', 'config.EVALUATION.KNN.ENABLED=false']
  const names = namesFor([...base, 'config.HOOKS.EXTRA=[own_hook]'])
  t.is(names.indexOf('own_hook'), names.indexOf('checkpoint') - 1)
  t.deepEqual(
    names.filter((name) => name !== 'own_hook'),
    namesFor(base),
  )
  const error = t.throws(() => namesFor([...base, 'config.HOOKS.EXTRA=[own_hok]']), {
    instanceOf: VisslError,
  })
  t.regex(error.message, /no hook named "own_hok"; did you mean own_hook/)
})
