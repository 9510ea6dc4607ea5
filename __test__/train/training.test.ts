import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { stats } from '../../ts/engine/index.ts'
import { ExitCode } from '../../ts/errors.ts'
import type { Hook } from '../../ts/train/hook.ts'
import { Stopped } from '../../ts/train/trainer.ts'
import { runTiny } from './_run.ts'

const folders: string[] = []
const scratch = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-train-'))
  folders.push(folder)
  return folder
}
test.after.always(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** The exact losses of a run, by step. */
function losses(folder: string): Map<number, number> {
  const found = new Map<number, number>()
  for (const line of readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trim().split('\n')) {
    const row = JSON.parse(line) as { type: string; iteration: number; loss: number }
    if (row.type === 'step') found.set(row.iteration, row.loss)
  }
  return found
}

const stopAt = (step: number): Hook => ({
  name: 'stop',
  onStep: (task) => {
    if (task.iteration === step) task.requestStop('stopped by the test', ExitCode.interrupted)
  },
})

test.serial('losses are bit-identical for any number of loader workers', async (t) => {
  const curves: [number, number][][] = []
  for (const workers of [1, 2, 4]) {
    const cwd = scratch()
    await runTiny(cwd, { overrides: [`config.DATA.NUM_DATALOADER_WORKERS=${workers}`] })
    curves.push([...losses(join(cwd, 'runs/tiny-1'))])
  }
  t.is(curves[0]!.length, 8)
  t.deepEqual(curves[1], curves[0])
  t.deepEqual(curves[2], curves[0])
})

test.serial('a run that is cut at any step and resumed has the losses of the whole run', async (t) => {
  const whole = scratch()
  await runTiny(whole)
  const expected = losses(join(whole, 'runs/tiny-1'))
  for (const cut of [1, 3, 4, 5, 7]) {
    const cwd = scratch()
    const error = await t.throwsAsync(runTiny(cwd, { hooks: [stopAt(cut)] }), { instanceOf: Stopped })
    t.is((error as Stopped).exitCode, ExitCode.interrupted)
    await runTiny(cwd, { resume: 'auto' })
    t.deepEqual(losses(join(cwd, 'runs/tiny-1')), expected, `cut at ${cut}`)
    t.true(existsSync(join(cwd, 'runs/tiny-1/checkpoints/model_final_checkpoint_phase1.torch')))
  }
})

test.serial('the live tensors of a run stay the same from step to step, and none is left', async (t) => {
  const counts: number[] = []
  const before = stats().tensors
  const count: Hook = { name: 'count', onStep: () => void counts.push(stats().tensors) }
  await runTiny(scratch(), { hooks: [count] })
  t.deepEqual(new Set(counts.slice(1)).size, 1)
  t.is(stats().tensors, before)
})

test.serial(
  'CHECKPOINT.DIR is the run folder, keeps the reference names, and resumes by itself',
  async (t) => {
    const cwd = scratch()
    const overrides = ['config.CHECKPOINT.DIR=out']
    await t.throwsAsync(runTiny(cwd, { overrides, hooks: [stopAt(5)] }), { instanceOf: Stopped })
    t.deepEqual(
      readdirSync(join(cwd, 'out'))
        .filter((name) => name.endsWith('.torch'))
        .sort(),
      ['checkpoint.torch', 'model_iteration5.torch', 'model_phase0.torch'],
    )
    t.regex(await runTiny(cwd, { overrides }), /resumed from .*model_iteration5\.torch at step 5/)
    t.true(existsSync(join(cwd, 'out/model_final_checkpoint_phase1.torch')))
    t.regex(await runTiny(cwd, { overrides }), /this run is finished/)
  },
)

test.serial('a damaged checkpoint is refused by name', async (t) => {
  const cwd = scratch()
  await t.throwsAsync(runTiny(cwd, { hooks: [stopAt(2)] }), { instanceOf: Stopped })
  const path = join(cwd, 'runs/tiny-1/checkpoints/model_iteration2.torch')
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(path, bytes)
  await t.throwsAsync(runTiny(cwd, { resume: 'auto' }), { message: /model_iteration2\.torch/ })
})

test.serial('a loss that is not finite ends the run before the update', async (t) => {
  const cwd = scratch()
  const overrides = ['config.OPTIMIZER.param_schedulers.lr={name:constant,value:1e30}']
  const error = await t.throwsAsync(runTiny(cwd, { overrides }))
  t.is((error as Stopped).exitCode, ExitCode.nonFinite)
  t.regex(error!.message, /loss became (NaN|-?Infinity) at step \d+/)
})

test.serial('a hook that throws is named, with its event and step', async (t) => {
  const broken: Hook = {
    name: 'broken',
    onUpdate: () => {
      throw new Error('boom')
    },
  }
  await t.throwsAsync(runTiny(scratch(), { hooks: [broken] }), {
    message: /hook broken failed in onUpdate at step 1: boom/,
  })
})

test.serial('a dry run writes nothing', async (t) => {
  const cwd = scratch()
  t.regex(await runTiny(cwd, { dryRun: true }), /2 phases and 8 steps/)
  t.deepEqual(readdirSync(cwd), [])
})

test.serial('bad input is found before the first step', async (t) => {
  const cwd = scratch()
  const fails = async (overrides: string[], message: RegExp, exitCode: number) => {
    const error = await t.throwsAsync(runTiny(cwd, { overrides }), { message })
    t.is((error as Stopped).exitCode, exitCode as never)
  }
  await fails(['config.LOSS.name=simclr_info_nce_los'], /did you mean simclr_info_nce_loss/, ExitCode.usage)
  await fails(['config.MODEL.TRUNK.NAME=resnt'], /resnet/, ExitCode.usage)
  await fails(['config.MACHINE.DEVICE=gpu'], /gpu/, ExitCode.usage)
  await fails(['config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=65'], /64 samples give no batch of 65/, ExitCode.data)
  mkdirSync(join(cwd, 'empty'))
  await fails(
    ['config.DATA.TRAIN.DATA_SOURCES=[disk_folder]', `config.DATA.TRAIN.DATA_PATHS=[${join(cwd, 'empty')}]`],
    /empty/,
    ExitCode.data,
  )
  await t.throwsAsync(runTiny(cwd, { resume: 'nothing-here' }), { message: /nothing-here/ })
})
