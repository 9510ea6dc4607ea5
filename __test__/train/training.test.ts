import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { stats } from '../../ts/engine/index.ts'
import { ExitCode, type VisslError } from '../../ts/errors.ts'
import type { Hook } from '../../ts/train/hook.ts'
import type { Task } from '../../ts/train/task.ts'
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

test.serial('the loss curve is the recorded one', async (t) => {
  const file = new URL('../golden/training/curve.json', import.meta.url)
  const { losses: recorded } = JSON.parse(readFileSync(file, 'utf8')) as { losses: number[] }
  const cwd = scratch()
  await runTiny(cwd, { overrides: ['config.OPTIMIZER.num_epochs=3'] })
  const curve = [...losses(join(cwd, 'runs/tiny-1')).values()]
  t.is(curve.length, recorded.length)
  for (const [i, loss] of curve.entries())
    t.true(Math.abs(loss - recorded[i]!) < 1e-3, `step ${i + 1}: ${loss}, recorded ${recorded[i]}`)
})

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
    const longer = [...overrides, 'config.OPTIMIZER.num_epochs=3']
    t.regex(await runTiny(cwd, { overrides: longer }), /this run is finished/)
    t.regex(await runTiny(cwd, { overrides: longer, resume: 'auto' }), /resumed from .* at step 8.*done in/s)
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
  await fails(['config.METERS.name=acuracy_list_meter'], /did you mean accuracy_list_meter/, ExitCode.usage)
  await fails(['config.OPTIMIZER.name=sdg'], /did you mean sgd/, ExitCode.usage)
  await fails(['config.TRAINER.TRAIN_STEP_NAME=standard_step'], /no train step named/, ExitCode.usage)
  // Before data are looked for: these do not exist.
  const noData = ['config.DATA.TRAIN.DATA_SOURCES=[disk_folder]', 'config.DATA.TRAIN.DATA_PATHS=[/nowhere]']
  await fails([...noData, 'config.LOSS.name=simclr'], /no loss named "simclr"/, ExitCode.usage)
  await fails(
    [...noData, 'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[48,16]}]]'],
    /takes 48 features/,
    ExitCode.usage,
  )
  await fails(['config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=65'], /64 samples give no batch of 65/, ExitCode.data)
  mkdirSync(join(cwd, 'empty'))
  await fails(
    ['config.DATA.TRAIN.DATA_SOURCES=[disk_folder]', `config.DATA.TRAIN.DATA_PATHS=[${join(cwd, 'empty')}]`],
    /empty/,
    ExitCode.data,
  )
  await t.throwsAsync(runTiny(cwd, { resume: 'nothing-here' }), { message: /nothing-here/ })
})

test.serial(
  'two batches an update: half the updates, the same steps, and resuming changes nothing',
  async (t) => {
    const overrides = ['+config.OPTIMIZER.accumulate_batches=2']
    const whole = scratch()
    const printed = await runTiny(whole, { overrides })
    t.regex(printed, /batch {4}32 images \(16 images × 2 batches an update\)/)
    const expected = losses(join(whole, 'runs/tiny-1'))
    t.is(expected.size, 8)
    const cwd = scratch()
    const error = await t.throwsAsync(runTiny(cwd, { overrides, hooks: [stopAt(5)] }), {
      instanceOf: Stopped,
    })
    // Gradients were gathering: the run goes on to the update.
    t.regex(error!.message, /at step 6/)
    await runTiny(cwd, { overrides, resume: 'auto' })
    t.deepEqual(losses(join(cwd, 'runs/tiny-1')), expected)
  },
)

test.serial('the mean loss of a phase that was cut is that of the whole phase', async (t) => {
  const phases = (folder: string) =>
    readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; epoch: number; loss: number })
      .flatMap(({ type, epoch, loss }) => (type === 'phase' ? [[epoch, loss]] : []))
  const [whole, cwd] = [scratch(), scratch()]
  await runTiny(whole)
  await t.throwsAsync(runTiny(cwd, { hooks: [stopAt(6)] }), { instanceOf: Stopped })
  await runTiny(cwd, { resume: 'auto' })
  t.deepEqual(phases(join(cwd, 'runs/tiny-1')), phases(join(whole, 'runs/tiny-1')))
})

test.serial('bfloat16 trains, and the scale of float16 goes through a checkpoint', async (t) => {
  const amp = (type: string) => [
    'config.MODEL.AMP_PARAMS.USE_AMP=true',
    `config.MODEL.AMP_PARAMS.AMP_TYPE=${type}`,
  ]
  const plain = scratch()
  await runTiny(plain)
  const exact = losses(join(plain, 'runs/tiny-1'))
  for (const type of ['bfloat16', 'pytorch']) {
    const [whole, cwd] = [scratch(), scratch()]
    const printed = await runTiny(whole, { overrides: amp(type) })
    t.regex(printed, /mixed precision in b?float16/)
    const expected = losses(join(whole, 'runs/tiny-1'))
    t.not(expected.get(1), exact.get(1))
    t.true(Math.abs(expected.get(1)! - exact.get(1)!) < 0.1)
    await t.throwsAsync(runTiny(cwd, { overrides: amp(type), hooks: [stopAt(3)] }), { instanceOf: Stopped })
    await runTiny(cwd, { overrides: amp(type), resume: 'auto' })
    t.deepEqual(losses(join(cwd, 'runs/tiny-1')), expected, type)
  }
  await t.throwsAsync(runTiny(scratch(), { overrides: amp('apx') }), { message: /AMP_TYPE is "apx"/ })
})

test.serial('a hook that fails is named, and the run is saved', async (t) => {
  const expected = scratch()
  await runTiny(expected)
  for (const event of ['onBackward', 'onUpdate', 'onStep', 'onPhaseEnd'] as const) {
    const cwd = scratch()
    const broken: Hook = {
      name: 'broken',
      [event]: (task: Task) => {
        if (task.iteration === (event === 'onPhaseEnd' ? 4 : 3)) throw new TypeError('boom')
      },
    }
    const error = await t.throwsAsync<VisslError>(runTiny(cwd, { hooks: [broken] }), {
      message: new RegExp(`hook broken failed in ${event} at step \\d: boom`),
    })
    const step = { onBackward: 2, onUpdate: 3, onStep: 3, onPhaseEnd: 0 }[event]
    const name = step === 0 ? 'model_phase0' : `model_iteration${step}`
    // What was saved at the end of the phase need not be saved again.
    if (step > 0) t.regex(error.fix!, new RegExp(`saved .*${name}\\.torch`))
    await runTiny(cwd, { resume: 'auto' })
    const [got, wanted] = [losses(join(cwd, 'runs/tiny-1')), losses(join(expected, 'runs/tiny-1'))]
    // A step that failed after its forward has moved running statistics: the step is repeated all the same.
    if (event !== 'onBackward') for (const [at, loss] of got) t.is(loss, wanted.get(at)!, `${event} ${at}`)
    // The step whose update was done had not been logged.
    t.is(got.size, event === 'onUpdate' ? 7 : 8)
  }
})

test.serial('gradients are clipped where asked, and their norm is in metrics.jsonl', async (t) => {
  const norms = async (...overrides: string[]) => {
    const cwd = scratch()
    await runTiny(cwd, { overrides: ['config.OPTIMIZER.num_epochs=1', ...overrides] })
    const text = readFileSync(join(cwd, 'runs/tiny-1/metrics.jsonl'), 'utf8').trim().split('\n')
    const rows = text.map(
      (line) => JSON.parse(line) as { type: string; gradient_norm?: number; loss: number },
    )
    return rows.filter(({ type }) => type === 'step')
  }
  const clip = ['config.MODEL.GRAD_CLIP.USE_GRAD_CLIP=true', 'config.MODEL.GRAD_CLIP.MAX_NORM=0.01']
  const [plain, clipped] = [await norms(), await norms(...clip)]
  t.true(plain.every(({ gradient_norm }) => gradient_norm === undefined))
  t.true(clipped.every(({ gradient_norm }) => gradient_norm! > 0.01))
  t.is(clipped[0]!.loss, plain[0]!.loss)
  t.not(clipped[1]!.loss, plain[1]!.loss)
})
