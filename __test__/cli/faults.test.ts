import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { firstVerified, newestFirst, removeStrays } from '../../ts/checkpoint/retention.ts'
import { loadTorchFile, type StoredTensor } from '../../ts/checkpoint/torch-file.ts'
import { ExitCode } from '../../ts/errors.ts'
import { Child, lossesOf, nodeArguments, scratch, trainTiny } from './_process.ts'

const ENDLESS = 'config.OPTIMIZER.num_epochs=100000'
const EACH_STEP = 'config.CHECKPOINT.CHECKPOINT_ITER_FREQUENCY=1'
const RUN = 'runs/quickstart-1'
const CHECKPOINTS = join(RUN, 'checkpoints')

/** How often is killed; more for a thorough check: VISSL_TEST_KILLS=200. */
const kills = (usual: number): number => Number(process.env.VISSL_TEST_KILLS ?? usual)

/** Ends a process as a loss of power would. */
async function kill(child: Child): Promise<void> {
  child.process.kill('SIGKILL')
  await child.ended
}

/** Until so many changes of a folder have been seen. */
async function changes(folder: string, count: number): Promise<void> {
  if (count === 0) return
  const watcher = watch(folder)
  try {
    for (let seen = 0; seen < count; seen++) await once(watcher, 'change')
  } finally {
    watcher.close()
  }
}

/** The last number that a process has printed after a word. */
const lastOf = (child: Child, word: string): number =>
  Number([...child.out.matchAll(new RegExp(`${word} (\\d+)`, 'g'))].at(-1)?.[1] ?? 0)

const temporaries = (folder: string): string[] =>
  readdirSync(folder).filter((name) => name.endsWith('.vissl-tmp'))

test.serial('killed again and again while it saves: the newest checkpoint is always whole', async (t) => {
  const folder = scratch(t)
  const driver = fileURLToPath(new URL('_save-driver.ts', import.meta.url))
  const count = kills(20)
  let [reached, unfinished, repaired] = [0, 0, 0]
  for (let turn = 0; turn < count; turn++) {
    const child = new Child(process.execPath, nodeArguments(driver), folder)
    await child.printed(new RegExp(`saved ${reached + 2}\n`))
    // Each time somewhere else in the course of a save: after another number of changes to the folder.
    await changes(folder, turn)
    await kill(child)
    unfinished += temporaries(folder).length
    const newest = firstVerified(newestFirst(folder), () => repaired++)!
    const saved = loadTorchFile(newest, { verify: true }) as { iteration: number; weight: StoredTensor }
    const weight = new Float32Array(saved.weight.bytes.slice().buffer)
    t.true(weight.every((value) => value === saved.iteration))
    t.true(saved.iteration >= lastOf(child, 'saved'), `${saved.iteration}`)
    reached = saved.iteration
    removeStrays(folder, () => false)
    t.deepEqual(temporaries(folder), [])
  }
  t.log(`${count} kills, ${unfinished} unfinished files, ${repaired} without a digest, ${reached} saves`)
})

test.serial('a killed run goes on by itself from its newest checkpoint', async (t) => {
  const cwd = scratch(t)
  const folder = join(cwd, CHECKPOINTS)
  const count = kills(3)
  let [reached, unfinished] = [0, 0]
  for (let turn = 0; turn < count; turn++) {
    const resume = turn > 0 ? ['--resume'] : []
    const child = trainTiny(cwd, [ENDLESS, EACH_STEP, 'config.CHECKPOINT.KEEP_LAST=3', ...resume])
    await child.printed(new RegExp(`iter: ${reached + 3};`))
    await kill(child)
    unfinished += temporaries(folder).length
    if (turn > 0)
      t.regex(child.out, /the run of process \d+ on .* has ended without a word; this one takes over/)
    const newest = firstVerified(newestFirst(folder), () => {})!
    const { iteration } = loadTorchFile(newest, { verify: true }) as { iteration: number }
    // One may have been in the making, and one due.
    t.true(iteration >= lastOf(child, 'iter:') - 2, `${iteration}`)
    reached = iteration
  }
  t.log(`${count} kills, ${unfinished} unfinished files, step ${reached}`)
  writeFileSync(join(folder, `.model_iteration1.torch.${2 ** 22 + 1}-0.vissl-tmp`), 'half')
  const epochs = `config.OPTIMIZER.num_epochs=${Math.ceil(reached / 4) + 1}`
  const last = await trainTiny(cwd, [epochs, '--resume']).ended
  t.is(last.code, ExitCode.ok, last.err)
  t.regex(
    last.out,
    /removed \.model_iteration1\.torch\.\d+-0\.vissl-tmp, which a killed process left unfinished/,
  )
  t.deepEqual(temporaries(folder), [])
  t.false(existsSync(join(cwd, RUN, 'run.lock')))
})

test.serial('two runs in one folder: the second one names the first and ends', async (t) => {
  const cwd = scratch(t)
  const first = trainTiny(cwd, [ENDLESS, 'config.CHECKPOINT.DIR=run'])
  await first.printed(/iter: 1;/)
  const second = await trainTiny(cwd, [ENDLESS, 'config.CHECKPOINT.DIR=run']).ended
  t.is(second.code, ExitCode.usage)
  const owner = `another run is in ${join(cwd, 'run')}: process ${first.process.pid} on ${hostname()}, since 2`
  t.true(second.err.includes(owner), second.err)
  first.kill('SIGTERM')
  const { code, err } = await first.ended
  t.is(code, ExitCode.terminated, err)
  t.false(existsSync(join(cwd, 'run/run.lock')))
})

test.serial(
  'a damaged newest checkpoint is passed over, and the run has the losses of a whole one',
  async (t) => {
    const [whole, cut] = [scratch(t), scratch(t)]
    t.is((await trainTiny(whole).ended).code, ExitCode.ok)
    const child = trainTiny(cut, [EACH_STEP])
    await child.printed(/iter: 6;/)
    child.kill('SIGTERM')
    await child.ended
    const [newest, older] = newestFirst(join(cut, CHECKPOINTS)) as [string, string]
    appendFileSync(newest, 'x')
    const named = await trainTiny(cut, ['--resume', newest]).ended
    t.is(named.code, ExitCode.data)
    const { code, out, err } = await trainTiny(cut, ['--resume']).ended
    t.is(code, ExitCode.ok, err)
    t.true(out.includes(`${newest} is passed over: corrupt checkpoint`), out)
    t.true(out.includes(`resumed from ${older}`), out)
    t.deepEqual(lossesOf(join(cut, RUN)), await wholeLosses(t))
  },
)

test.serial('SIGUSR1 saves, exits with 138 and queues the SLURM job again; retention deletes', async (t) => {
  const cwd = scratch(t)
  const bin = join(cwd, 'bin')
  mkdirSync(bin)
  writeFileSync(
    join(bin, 'scontrol'),
    `#!/bin/sh\necho "$@" >> ${cwd}/asked\nls ${cwd}/run >> ${cwd}/asked\n`,
  )
  chmodSync(join(bin, 'scontrol'), 0o755)
  const env = { SLURM_JOB_ID: '815', PATH: `${bin}:${process.env.PATH}` }
  const keep = [EACH_STEP, 'config.CHECKPOINT.KEEP_LAST=2', 'config.CHECKPOINT.DIR=run']
  const child = trainTiny(cwd, [ENDLESS, ...keep], { env })
  await child.printed(/iter: 6;/)
  child.process.kill('SIGUSR1')
  const { code, out, err } = await child.ended
  t.is(code, ExitCode.preempted, err)
  t.regex(err, /stopped by SIGUSR1 at step \d+; saved .*\.torch/)
  t.true(out.includes('SLURM queues job 815 again'), out)
  const [asked, ...files] = readFileSync(join(cwd, 'asked'), 'utf8').trim().split('\n')
  t.is(asked, 'requeue 815')
  // What is written is complete by then, and the folder is free for the next start.
  t.true(files.includes('run.json') && !files.includes('run.lock'))
  const steps = files.filter((name) => /^model_iteration\d+\.torch$/.test(name))
  t.is(steps.length, 2, steps.join())
  for (const name of steps) t.true(files.includes(`${name}.sha256`))

  const stopped = trainTiny(cwd, [ENDLESS, ...keep], { env })
  await stopped.printed(/iter: /)
  stopped.kill('SIGTERM')
  const end = await stopped.ended
  t.is(end.code, ExitCode.terminated)
  t.true(end.out.includes('resumed from'), end.out)
  t.is(readFileSync(join(cwd, 'asked'), 'utf8').match(/requeue/g)!.length, 1)
})

let whole: Map<number, number> | undefined

/** The losses of the tiny run, not interrupted. */
async function wholeLosses(t: ExecutionContext): Promise<Map<number, number>> {
  if (whole !== undefined) return whole
  const cwd = scratch(t)
  t.is((await trainTiny(cwd).ended).code, ExitCode.ok)
  whole = lossesOf(join(cwd, RUN))
  return whole
}

/** A plug-in whose hook ends the process at a step, once for each name that is left in `crashes`. */
const crash = `
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Hook } from '${fileURLToPath(new URL('../../ts/train/hook.ts', import.meta.url))}'
export class Crash extends Hook {
  static key = 'crash'
  name = 'crash'
  onStep(task) {
    const [next, ...left] = readFileSync('crashes', 'utf8').split(' ').filter(Boolean)
    if (next === undefined || task.iteration !== Number(next.split(':')[0])) return
    writeFileSync('crashes', left.join(' '))
    const how = next.split(':')[1]
    if (how === 'throw') throw new Error('a defect')
    process.kill(process.pid, how)
  }
}
`

test.serial('--max-restarts: after crashes the run goes on, with the losses of a whole one', async (t) => {
  const cut = scratch(t)
  writeFileSync(join(cut, 'crash.mjs'), crash)
  writeFileSync(join(cut, 'crashes'), '3:SIGKILL 6:throw')
  const plugin = ['--plugin', 'crash.mjs', 'config.HOOKS.EXTRA=[crash]']
  const child = trainTiny(cut, [EACH_STEP, ...plugin, '--max-restarts', '2'])
  const { code, out, err } = await child.ended
  t.is(code, ExitCode.ok, err)
  t.regex(out, /the run was killed by SIGKILL/)
  t.regex(
    out,
    /the run ended by SIGKILL; started again \(1 of 2\) from the newest checkpoint in .*quickstart-1/,
  )
  t.regex(out, /the run ended with exit code 1; started again \(2 of 2\)/)
  t.deepEqual(readdirSync(join(cut, 'runs')), ['quickstart-1'])
  t.deepEqual(lossesOf(join(cut, RUN)), await wholeLosses(t))

  // A mistake is no crash.
  const mistake = await trainTiny(cut, ['config.LOSS.name=no_such_loss', '--max-restarts=2']).ended
  t.is(mistake.code, ExitCode.usage)
  t.notRegex(mistake.out, /started again/)
})

test.serial('a read-only folder', async (t) => {
  const cwd = scratch(t)
  mkdirSync(join(cwd, 'run'))
  const mount = 'mount -t tmpfs -o ro tmpfs run'
  const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', mount], { cwd }).status === 0
  const options = canMount
    ? { shell: `${mount} && exec "$@"`, shellCommand: ['unshare', '-rm', 'sh'] }
    : { shell: 'chmod 555 run && exec "$@"' }
  // Permissions do not bind the administrator.
  const dir = canMount || process.getuid?.() !== 0 ? 'run' : '/proc/self'
  const { code, err } = await trainTiny(cwd, [`config.CHECKPOINT.DIR=${dir}`], options).ended
  if (!canMount) chmodSync(join(cwd, 'run'), 0o755)
  t.is(code, ExitCode.environment, err)
  t.regex(
    err,
    /cannot write.* .*(run|self).*: .*(read-only|no permission|no such|does not exist).*\n {2}fix: /i,
  )
  rmSync(join(cwd, 'run'), { recursive: true })
  t.deepEqual(
    readdirSync(cwd).map((name) => basename(name)),
    [],
  )
})
