import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { loadTorchFile } from '../../../ts/checkpoint/torch-file.ts'
import { ExitCode, VisslError } from '../../../ts/errors.ts'
import { train } from '../../../ts/launch/embedding/train.ts'
import type { TrainingEvent } from '../../../ts/logging/training-event.ts'
import { nodeArguments } from '../../cli/_process.ts'
import { atStep, ENDLESS, lossesOf, scratch, small, trainSmall, until } from './_app.ts'

test.serial('a run tells what happens, in order, and is what the files say', async (t) => {
  const run = trainSmall(t, scratch(t))
  const events: TrainingEvent[] = []
  for await (const event of run) events.push(event)
  const of = <T extends TrainingEvent['type']>(type: T) =>
    events.filter((event): event is Extract<TrainingEvent, { type: T }> => event.type === type)

  const { folder } = run
  t.is(events.find(({ type }) => type !== 'log')?.type, 'start')
  t.deepEqual(of('start'), [{ type: 'start', folder: folder!, steps: 8, epochs: 2, step: 0 }])
  t.deepEqual(new Map(of('step').map(({ step, loss }) => [step, loss])), lossesOf(folder!))
  t.deepEqual(
    of('step').map(({ step, steps, done, epoch }) => [step, steps, done, epoch]),
    Array.from({ length: 8 }, (_, i) => [i + 1, 8, (i + 1) / 8, i < 4 ? 1 : 2]),
  )
  t.true(of('step').every(({ lr, imagesPerSecond, eta }) => lr > 0 && imagesPerSecond > 0 && eta >= 0))
  t.is(of('step').at(-1)!.eta, 0)
  t.deepEqual(
    of('phase').map(({ phase, state, epoch }) => [phase, state, epoch]),
    [
      ['train', 'begin', 1],
      ['train', 'end', 1],
      ['train', 'begin', 2],
      ['train', 'end', 2],
    ],
  )
  const checkpoints = of('checkpoint').map(({ path }) => path)
  t.deepEqual(
    checkpoints.map((path) => path.slice(folder!.length + 1)),
    ['checkpoints/model_phase0.torch', 'checkpoints/model_final_checkpoint_phase1.torch'],
  )
  t.true(of('log').some(({ level, message }) => level === 'info' && message.startsWith('plan ')))
  const result = { folder: folder!, checkpoint: checkpoints[1]!, stopped: false }
  t.deepEqual(events.at(-1), { type: 'end', ...result })
  t.deepEqual(await run.done, { ...result, steps: 8 })
  t.is(run.checkpoint, checkpoints[1])
  // A run that is over: commands have nothing to do.
  await run.pause()
  await run.stop()
  run.resume()
  t.is(await run.save(), checkpoints[1])
})

const EPOCHS = 'config.OPTIMIZER.num_epochs=20'
let whole: Promise<Map<number, number>> | undefined

/** The losses of a run of 20 epochs that nobody disturbed. */
function wholeLosses(t: ExecutionContext): Promise<Map<number, number>> {
  whole ??= trainSmall(t, scratch(t), [EPOCHS]).done.then(({ folder }) => lossesOf(folder!))
  return whole
}

test.serial('pause holds training still; it can be saved meanwhile, and goes on the same', async (t) => {
  const run = trainSmall(t, scratch(t), [EPOCHS])
  await run.pause()
  t.is(lossesOf(run.folder!).size, 0)
  run.resume()
  await until(run, atStep(1))
  await Promise.all([run.pause(), run.pause()])
  const path = await run.save()
  const held = lossesOf(run.folder!)
  t.regex(path, new RegExp(`model_(iteration${held.size}|final_checkpoint_phase19)\\.torch$`))
  t.notThrows(() => loadTorchFile(path, { verify: true }))
  t.is(run.checkpoint, path)
  t.is(await run.save(), path)
  t.deepEqual(lossesOf(run.folder!), held)
  run.resume()
  await run.done
  t.deepEqual(lossesOf(run.folder!), await wholeLosses(t))
})

test.serial('stop saves; a run that goes on has the losses of a whole one', async (t) => {
  const cwd = scratch(t)
  const cut = trainSmall(t, cwd, [EPOCHS])
  await until(cut, atStep(2))
  // Leaving a loop does not stop the run.
  await until(cut, atStep(4))
  await cut.stop()
  const { steps, stopped, checkpoint } = await cut.done
  t.true(stopped)
  t.true(steps >= 4 && steps < 80, String(steps))
  t.regex(checkpoint!, new RegExp(`/model_(iteration${steps}|phase\\d+)\\.torch$`))
  t.is(lossesOf(cut.folder!).size, steps)

  const resumed = trainSmall(t, cwd, [EPOCHS], { resume: cut.folder! })
  const events = await until(resumed, ({ type }) => type === 'end')
  t.like(
    events.find(({ type }) => type === 'start'),
    { step: steps, steps: 80 },
  )
  t.is(resumed.folder, cut.folder)
  t.deepEqual(lossesOf(cut.folder!), await wholeLosses(t))
})

test.serial('a mistake rejects done with the exit code, the message and the fix', async (t) => {
  const run = train({ config: 'quickstart', overrides: ['config.OPTIMIZER.num_epoch=3'], cwd: scratch(t) })
  const saving = t.throwsAsync(run.save(), { instanceOf: VisslError })
  const error = await t.throwsAsync(run.done, { instanceOf: VisslError })
  t.is(error.exitCode, ExitCode.usage)
  t.is(error.message, 'config.OPTIMIZER.num_epoch is not a known key')
  t.regex(error.fix!, /did you mean {2}config\.OPTIMIZER\.num_epochs/)
  t.is(await saving, error)
  t.is(run.folder, undefined)
  // A loop throws the same error, so that one that is not awaited is not lost.
  t.is(await t.throwsAsync(until(run, () => false)), error)
})

test.serial('a training process that dies rejects done and leaves what it had saved', async (t) => {
  const run = trainSmall(t, scratch(t), [ENDLESS])
  await until(run, ({ type }) => type === 'checkpoint')
  const reading = until(run, () => false)
  process.kill(run.pid!, 'SIGKILL')
  const error = await t.throwsAsync(run.done, { instanceOf: VisslError })
  t.is(error.exitCode, ExitCode.internal)
  t.regex(error.message, /^the training process was killed by SIGKILL after step \d+; out of memory is/)
  t.true(error.fix!.includes(run.checkpoint!))
  t.notThrows(() => loadTorchFile(run.checkpoint!, { verify: true }))
  t.is(await t.throwsAsync(reading), error)
})

test.serial('a signal saves and rejects with its reason; one that is aborted starts nothing', async (t) => {
  const cwd = scratch(t)
  const abort = new AbortController()
  const run = trainSmall(t, cwd, [ENDLESS], { signal: abort.signal })
  await until(run, atStep(1))
  const reason = new Error('enough')
  abort.abort(reason)
  t.is(await t.throwsAsync(run.done), reason)
  t.true(existsSync(run.checkpoint!))
  t.throws(() => trainSmall(t, cwd, [], { signal: abort.signal }), { message: 'enough' })
  t.deepEqual(readdirSync(join(cwd, 'runs')), ['quickstart-1'])
})

test.serial('a run that is stopped before it has begun leaves nothing', async (t) => {
  const cwd = scratch(t)
  const run = trainSmall(t, cwd)
  await run.stop()
  t.like(await run.done, { steps: 0, stopped: true })
  t.false(existsSync(join(cwd, 'runs')))
  t.deepEqual((await until(run, () => true)).at(-1), { type: 'end', stopped: true })
})

test.serial('an app that ends takes the run with it, which saves first', async (t) => {
  const cwd = scratch(t)
  const app = fileURLToPath(new URL('_app-that-ends.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [...nodeArguments(app), cwd])
  const [pid, folder] = stdout.trim().split(' ') as [string, string]
  const info = join(folder, 'run.json')
  const finished = () => readFileSync(info, 'utf8').includes('"finished"')
  await new Promise<void>((done) => {
    const watcher = watch(folder, check)
    function check() {
      if (!finished()) return
      watcher.close()
      done()
    }
    check()
  })
  t.like(JSON.parse(readFileSync(info, 'utf8')), { exitCode: ExitCode.terminated })
  const { size } = lossesOf(folder)
  const saved = readdirSync(join(folder, 'checkpoints')).filter((name) => name.endsWith('.torch'))
  t.true(saved.some((name) => name === `model_iteration${size}.torch` || name.startsWith('model_phase')))
  t.true(Number(pid) > 0)
})

test.serial('two processes: one stream of events, and commands for both', async (t) => {
  const run = trainSmall(t, scratch(t), [ENDLESS, 'config.DISTRIBUTED.NUM_PROC_PER_NODE=2'])
  const events = await until(run, atStep(2))
  t.is(events.filter(({ type }) => type === 'start').length, 1)
  t.deepEqual(
    events.flatMap((event) => (event.type === 'step' ? [event.step] : [])),
    [1, 2],
  )
  await run.pause()
  const path = await run.save()
  t.is(path, join(run.folder!, 'checkpoints', `model_iteration${lossesOf(run.folder!).size}.torch`))
  t.true(existsSync(path))
  run.resume()
  await until(run, atStep(lossesOf(run.folder!).size + 2))
  await run.stop()
  t.true((await run.done).stopped)
})

test.serial('a plug-in crosses by its path', async (t) => {
  const cwd = scratch(t)
  const run = train({ config: 'quickstart', overrides: small, plugins: ['./missing.ts'], cwd })
  const error = await t.throwsAsync(run.done, { instanceOf: VisslError })
  t.regex(error.message, /there is no plug-in .*missing\.ts/)
})
