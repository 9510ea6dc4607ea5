import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { ExitCode } from '../../ts/errors.ts'
import { isDue } from '../../ts/hooks/checkpoint.ts'
import { knnTable } from '../../ts/launch/summary.ts'
import type { Hook } from '../../ts/train/hook.ts'
import { Stopped } from '../../ts/train/trainer.ts'
import { runTiny } from '../train/_run.ts'

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-hooks-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

type Row = Record<string, unknown> & { type: string }

const rowsOf = (cwd: string, file: string): Row[] =>
  readFileSync(join(cwd, 'runs/tiny-1', file), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row)

const checkpoints = (cwd: string): string[] =>
  readdirSync(join(cwd, 'runs/tiny-1/checkpoints')).filter((name) => name.endsWith('.torch'))

/** Test phases on two views, as the loss wants them. */
const withTests = [
  'config.TEST_MODEL=true',
  'config.DATA.TEST.DATA_LIMIT=32',
  'config.DATA.TEST.BATCHSIZE_PER_REPLICA=16',
  'config.DATA.TEST.TRANSFORMS=[{name:ImgReplicatePil,num_times:2},{name:ToTensor}]',
  'config.DATA.TEST.COLLATE_FUNCTION=simclr_collator',
]

const stopWhen = (asked: (task: Parameters<NonNullable<Hook['onStep']>>[0]) => boolean): Hook => ({
  name: 'stop',
  onStep: (task) => {
    if (asked(task)) task.requestStop('stopped by the test', ExitCode.interrupted)
  },
})

test.serial('checkpoints by phase and by step', async (t) => {
  const cwd = scratch(t)
  const overrides = [
    'config.OPTIMIZER.num_epochs=4',
    'config.CHECKPOINT.CHECKPOINT_FREQUENCY=2',
    'config.CHECKPOINT.CHECKPOINT_ITER_FREQUENCY=6',
  ]
  await runTiny(cwd, { overrides })
  t.deepEqual(checkpoints(cwd).sort(), [
    'checkpoint.torch',
    'model_final_checkpoint_phase3.torch',
    'model_iteration12.torch',
    'model_iteration6.torch',
    'model_phase0.torch',
    'model_phase2.torch',
  ])
})

interface PhaseCase {
  mode_num: number
  mode_frequency: number
  train_phase_idx: number
  num_epochs: number
  result: boolean
}

test('checkpoints are due where the reference makes them', (t) => {
  const file = new URL('../golden/training/resume_logic.json', import.meta.url)
  const { is_checkpoint_phase: cases } = JSON.parse(readFileSync(file, 'utf8')) as {
    is_checkpoint_phase: PhaseCase[]
  }
  t.true(cases.length > 50)
  for (const { mode_num, mode_frequency, train_phase_idx, num_epochs, result } of cases)
    t.is(isDue(mode_num, mode_frequency) || train_phase_idx === num_epochs - 1, result)
  t.false(isDue(0, 0) || isDue(4, -1))
})

test.serial('a stop in a test phase loses no training, and the test is done again', async (t) => {
  const overrides = [...withTests, 'config.CHECKPOINT.CHECKPOINT_FREQUENCY=100']
  const whole = scratch(t)
  await runTiny(whole, { overrides })
  const cwd = scratch(t)
  const inSecondTest = stopWhen((task) => !task.train && task.iteration === 8)
  await t.throwsAsync(runTiny(cwd, { overrides, hooks: [inSecondTest] }), { instanceOf: Stopped })
  t.false(checkpoints(cwd).includes('model_iteration8.torch'))
  t.regex(
    await runTiny(cwd, { overrides, resume: 'auto' }),
    /resumed from .*model_final_checkpoint_phase2\.torch at step 8/,
  )
  const tests = (folder: string) =>
    rowsOf(folder, 'metrics.jsonl')
      .filter(({ type, phase }) => type === 'phase' && phase === 'test')
      .map(({ epoch, loss }) => [epoch, loss])
  t.is(tests(whole).length, 2)
  t.deepEqual(tests(cwd), tests(whole))
})

test.serial('a stop before the first phase saves nothing, new or resumed', async (t) => {
  const cwd = scratch(t)
  const atStart: Hook = {
    name: 'early',
    onStart: (task) => task.requestStop('stopped by the test', ExitCode.interrupted),
  }
  const first = await t.throwsAsync(runTiny(cwd, { hooks: [atStart] }), { instanceOf: Stopped })
  t.is(first!.message, 'stopped by the test at step 0; there was nothing to save')
  t.deepEqual(checkpoints(cwd), [])
  rmSync(join(cwd, 'runs'), { recursive: true })
  await t.throwsAsync(runTiny(cwd, { hooks: [stopWhen((task) => task.iteration === 5)] }))
  const before = checkpoints(cwd)
  const again = await t.throwsAsync(runTiny(cwd, { hooks: [atStart], resume: 'auto' }), {
    instanceOf: Stopped,
  })
  t.regex(again!.message, /at step 5; saved .*model_iteration5\.torch/)
  t.deepEqual(checkpoints(cwd), before)
})

test.serial('kNN is measured before training and after every epoch, and ends in a table', async (t) => {
  const cwd = scratch(t)
  const overrides = [
    'config.EVALUATION.KNN.ENABLED=true',
    'config.EVALUATION.KNN.TRAIN_LIMIT=64',
    'config.EVALUATION.KNN.TEST_LIMIT=32',
  ]
  const printed = await runTiny(cwd, { overrides })
  const rows = rowsOf(cwd, 'metrics.jsonl').filter(({ type }) => type === 'knn')
  t.deepEqual(
    rows.map(({ what, epoch }) => [what, epoch]),
    [
      ['raw pixels', null],
      ['untrained network', 0],
      ['epoch 1', 1],
      ['epoch 2', 2],
    ],
  )
  for (const { top1, top5 } of rows as unknown as { top1: number; top5: number }[])
    t.true(top1 >= 0 && top1 <= top5 && top5 <= 100)
  t.regex(
    printed,
    /kNN accuracy\s+raw pixels +[\d.]+ %\s+untrained network +[\d.]+ %\s+trained network +[\d.]+ %/,
  )
})

test.serial('measuring kNN changes no loss', async (t) => {
  const [without, measured] = [scratch(t), scratch(t)]
  await runTiny(without)
  const limits = ['config.EVALUATION.KNN.TRAIN_LIMIT=32', 'config.EVALUATION.KNN.TEST_LIMIT=16']
  await runTiny(measured, { overrides: ['config.EVALUATION.KNN.ENABLED=true', ...limits] })
  const losses = (cwd: string) =>
    rowsOf(cwd, 'metrics.jsonl')
      .filter(({ type }) => type === 'step')
      .map(({ loss }) => loss)
  t.deepEqual(losses(measured), losses(without))
})

test.serial('a phase reports the mean of its losses', async (t) => {
  const cwd = scratch(t)
  await runTiny(cwd)
  const rows = rowsOf(cwd, 'metrics.jsonl') as unknown as { type: string; epoch: number; loss: number }[]
  const phases = rows.filter(({ type }) => type === 'phase')
  t.is(phases.length, 2)
  for (const { epoch, loss } of phases) {
    const steps = rows.filter((row) => row.type === 'step' && row.epoch === epoch)
    const mean = steps.reduce((sum, step) => sum + step.loss, 0) / steps.length
    t.true(Math.abs(loss - mean) < 1e-9)
  }
  t.is(rowsOf(cwd, 'metrics.json').length, 2)
})

test('the table names what was measured', (t) => {
  t.is(knnTable([]), '')
  const table = knnTable([
    { what: 'epoch 1', epoch: 1, top1: 10, top5: 50 },
    { what: 'epoch 2', epoch: 2, top1: 20.04, top5: 60 },
  ])
  t.true(table.includes('trained network') && table.includes('20.0 %') && !table.includes('10.0'))
  t.false(table.includes('raw pixels'))
})
