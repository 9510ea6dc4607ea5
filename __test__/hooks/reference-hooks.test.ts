import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { loadTorchFile, type StoredTensor } from '../../ts/checkpoint/torch-file.ts'
import { ops, scope, type Tensor } from '../../ts/engine/index.ts'
import { ExitCode, type VisslError } from '../../ts/errors.ts'
import type { Hook } from '../../ts/train/hook.ts'
import { Stopped } from '../../ts/train/trainer.ts'
import { runTiny } from '../train/_run.ts'

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-reference-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const logOf = (cwd: string): string => readFileSync(join(cwd, 'runs/tiny-1/log.txt'), 'utf8')

const rowsOf = (cwd: string, file: string): Record<string, unknown>[] =>
  readFileSync(join(cwd, 'runs/tiny-1', file), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

test.serial(
  'perf stats: a mean time every so many batches and at the end of a phase, with a table',
  async (t) => {
    const cwd = scratch(t)
    const overrides = ['config.MONITOR_PERF_STATS=true', 'config.PERF_STAT_FREQUENCY=3']
    await runTiny(cwd, { overrides })
    const log = logOf(cwd)
    const counts = [...log.matchAll(/Average train batch time \(ms\) for (\d+) batches: \d+/g)].map(
      ([, n]) => n,
    )
    t.deepEqual(counts, ['3', '4', '3', '4'])
    t.regex(log, /Train step time breakdown \(rank 0\):\n +Timer +Host CudaEvent\n/)
    const timers = [
      'read_sample',
      'forward',
      'loss_compute',
      'loss_all_reduce',
      'meters_update',
      'backward',
      'optimizer_step',
      'train_step_total',
    ]
    for (const timer of timers) t.regex(log, new RegExp(`^ +${timer}: +\\d+\\.\\d\\d ms +-$`, 'm'), timer)
  },
)

test.serial('a parameter stays frozen for N−1 steps, whatever its name begins with', async (t) => {
  const name = 'trunk._feature_blocks.conv1.weight'
  const changed: boolean[] = []
  let before: Float32Array | undefined
  const watch: Hook = {
    name: 'watch',
    onStep: (task) => {
      const weight = new Map(task.model.namedParameters()).get(name)!
      const now = weight.toTypedArray() as Float32Array
      if (before !== undefined) changed.push(now.some((value, i) => value !== before![i]))
      before = now
    },
  }
  const frozen = `config.MODEL.TEMP_FROZEN_PARAMS_ITER_MAP=[[module.${name},4]]`
  await runTiny(scratch(t), { overrides: [frozen], hooks: [watch] })
  // The first step, which is frozen too, has nothing before it to compare with.
  t.deepEqual(changed, [false, false, true, true, true, true, true])
  await t.throwsAsync(
    runTiny(scratch(t), {
      overrides: ['config.MODEL.TEMP_FROZEN_PARAMS_ITER_MAP=[[trunk._feature_blocks.conv.weight,4]]'],
    }),
    { message: /no parameter "trunk\._feature_blocks\.conv\.weight"/ },
  )
})

test.serial(
  'a loss that is not finite leaves what the model took in and gave, and names what broke first',
  async (t) => {
    const cwd = scratch(t)
    const spoil: Hook = {
      name: 'spoil',
      onStep: (task) => {
        if (task.iteration !== 2) return
        const [, weight] = [...task.model.namedParameters()].find(([name]) =>
          name.endsWith('layer1.0.conv1.weight'),
        )!
        scope(() => void (weight as Tensor).set_data(ops.full_like(weight, Number.NaN)))
      },
    }
    const error = await t.throwsAsync<VisslError>(runTiny(cwd, { hooks: [spoil] }))
    t.is(error.exitCode, ExitCode.nonFinite)
    t.regex(
      error.message,
      /loss became NaN at step 3; nothing was updated with it\n {2}first non-finite: the parameter trunk\.\S*layer1\.0\.conv1\.weight; the batch is in .*nonfinite-3\.json/,
    )
    const run = join(cwd, 'runs/tiny-1')
    const { data_idx } = JSON.parse(readFileSync(join(run, 'nonfinite-3.json'), 'utf8')) as {
      data_idx: number[][]
    }
    t.is(data_idx[0]!.length, 32)
    t.true(data_idx[0]!.every((index) => index >= 0 && index < 64))
    const input = loadTorchFile(join(run, 'rank0_input_sample.pth')) as StoredTensor
    t.deepEqual(input.shape, [32, 3, 16, 16])
    t.deepEqual((loadTorchFile(join(run, 'rank0_model_output.pth')) as StoredTensor).shape, [32, 16])
  },
)

test.serial('a run that only tests: one phase an epoch, nothing is trained', async (t) => {
  const cwd = scratch(t)
  const overrides = [
    'config.TEST_ONLY=true',
    'config.TEST_MODEL=true',
    'config.DATA.TEST.DATA_LIMIT=32',
    'config.DATA.TEST.BATCHSIZE_PER_REPLICA=8',
    'config.DATA.TEST.LABEL_SOURCES=[shapes]',
    'config.LOSS.name=CrossEntropyLoss',
    'config.METERS.name=accuracy_list_meter',
    'config.METERS.accuracy_list_meter.topk_values=[1,5]',
  ]
  const printed = await runTiny(cwd, { overrides })
  t.regex(printed, /plan {5}2 tests of 4 steps/)
  const phases = rowsOf(cwd, 'metrics.json')
  t.deepEqual(
    phases.map(({ iteration, phase_idx, train_phase_idx }) => [iteration, phase_idx, train_phase_idx]),
    [
      [0, 0, -1],
      [0, 1, -1],
    ],
  )
  t.deepEqual(phases[0]!.test_accuracy_list_meter, phases[1]!.test_accuracy_list_meter)
  t.regex(logOf(cwd), /Rank: 0, name: test_accuracy_list_meter, value: \{"top_1":\{"0":[\d.]+\},"top_5"/)
  t.deepEqual(
    readdirSync(join(cwd, 'runs/tiny-1/checkpoints')).filter((name) => name.startsWith('model')),
    [],
  )
})

test.serial('training is measured where asked', async (t) => {
  const overrides = [
    'config.DATA.TRAIN.LABEL_SOURCES=[shapes]',
    'config.LOSS.name=CrossEntropyLoss',
    'config.METERS.name=accuracy_list_meter',
    'config.OPTIMIZER.num_epochs=1',
  ]
  for (const enabled of [true, false]) {
    const cwd = scratch(t)
    await runTiny(cwd, { overrides: [...overrides, `config.METERS.enable_training_meter=${enabled}`] })
    t.is('train_accuracy_list_meter' in rowsOf(cwd, 'metrics.json')[0]!, enabled)
  }
})

test.serial('progress lines go to the log and, as JSON, to stdout.json', async (t) => {
  const cwd = scratch(t)
  await runTiny(cwd, { overrides: ['config.LOG_FREQUENCY=3', 'config.ROLLING_BTIME_FREQ=5'] })
  const lines = logOf(cwd).match(/Rank: 0; \[ep: \d\] iter: .*/g)!
  const rows = rowsOf(cwd, 'stdout.json')
  t.deepEqual(
    rows.map(({ iter }) => iter),
    [1, 3, 5, 6],
  )
  t.is(lines.length, 4)
  for (const [i, { ep, iter, loss }] of rows.entries())
    t.true(
      lines[i]!.startsWith(`Rank: 0; [ep: ${ep}] iter: ${iter};`) && lines[i]!.includes(`loss: ${loss};`),
    )
  t.is(rows[0]!.max_iterations, 8)
  t.false('rolling_eta' in rows[1]!)
  t.true('btime(5iters)(ms)' in rows[2]! && lines[2]!.includes('btime(5iters):'))
})

test.serial('the kNN table of a run that was resumed has the measurements from before', async (t) => {
  const overrides = [
    'config.EVALUATION.KNN.ENABLED=true',
    'config.EVALUATION.KNN.TRAIN_LIMIT=48',
    'config.EVALUATION.KNN.TEST_LIMIT=16',
  ]
  const table = (printed: string) =>
    printed.slice(printed.indexOf('kNN accuracy'), printed.indexOf('done in'))
  const whole = table(await runTiny(scratch(t), { overrides }))
  t.regex(whole, /raw pixels.*untrained network.*trained network/s)
  for (const cut of [2, 4]) {
    const cwd = scratch(t)
    const stop: Hook = {
      name: 'stop',
      onStep: (task) => {
        if (task.iteration === cut) task.requestStop('stopped by the test', ExitCode.interrupted)
      },
    }
    await t.throwsAsync(runTiny(cwd, { overrides, hooks: [stop] }), { instanceOf: Stopped })
    t.is(table(await runTiny(cwd, { overrides, resume: 'auto' })), whole)
    const measured = rowsOf(cwd, 'metrics.jsonl').filter(({ type }) => type === 'knn')
    t.deepEqual(
      measured.map(({ what }) => what),
      ['raw pixels', 'untrained network', 'epoch 1', 'epoch 2'],
    )
  }
})

test.serial('the memory of each phase is logged', async (t) => {
  const cwd = scratch(t)
  await runTiny(cwd)
  const lines = logOf(cwd).match(/memory of phase \d \[train\]: process (\d+) MiB, tensors \d+ MiB/g)
  t.is(lines?.length, 2)
})
