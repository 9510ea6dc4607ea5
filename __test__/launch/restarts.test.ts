import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { ExitCode } from '../../ts/errors.ts'
import { crashOf, requeue, withRestarts } from '../../ts/launch/restarts.ts'

const KILLED = 137 as ExitCode

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-restarts-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs attempts that end as `codes` say; `during` happens in each, by its number. */
async function run(
  limit: number,
  codes: readonly number[],
  options: Partial<{
    args: readonly string[]
    folder: string
    during: (attempt: number) => void
  }> = {},
) {
  const calls: (readonly string[])[] = []
  const said: string[] = []
  const code = await withRestarts({
    limit,
    args: options.args ?? ['train'],
    say: (message) => said.push(message),
    attempt: async (args, onPlace) => {
      calls.push(args)
      if (options.folder !== undefined) onPlace(options.folder)
      options.during?.(calls.length)
      return codes[calls.length - 1] as ExitCode
    },
  })
  return { code, calls, said }
}

test('which ends are crashes', (t) => {
  for (const code of Object.values(ExitCode).filter((code) => code !== ExitCode.internal)) {
    t.is(crashOf(code), undefined, String(code))
  }
  for (const code of [129, 141]) t.is(crashOf(code), undefined, String(code))
  t.is(crashOf(1), 'with exit code 1')
  t.is(crashOf(137), 'by SIGKILL')
  t.is(crashOf(139), 'by SIGSEGV')
  t.is(crashOf(134), 'by SIGABRT')
})

test('a crashed run is started again, at most so often, each time with its reason', async (t) => {
  t.deepEqual(await run(3, [0]), { code: 0, calls: [['train']], said: [] })
  t.deepEqual(await run(0, [1]), { code: 1, calls: [['train']], said: [] })
  const mended = await run(3, [1, KILLED, 0])
  t.is(mended.code, 0)
  t.deepEqual(mended.said, [
    'the run ended with exit code 1; started again (1 of 3) as before: it has saved nothing',
    'the run ended by SIGKILL; started again (2 of 3) as before: it has saved nothing',
  ])
  const given = await run(1, [139, 139])
  t.is(given.code, 139)
  t.is(given.calls.length, 2)
  t.regex(given.said[1]!, /by SIGSEGV; it has been started again 1 times already/)
  for (const code of [
    ExitCode.usage,
    ExitCode.data,
    ExitCode.nonFinite,
    ExitCode.environment,
    ExitCode.terminated,
  ])
    t.is((await run(3, [code])).calls.length, 1)
})

test('it goes on from what the attempt has saved', async (t) => {
  const folder = scratch(t)
  mkdirSync(join(folder, 'checkpoints'))
  const save = (name: string) => writeFileSync(join(folder, 'checkpoints', name), '')
  save('model_iteration1.torch')
  const args = ['train', '--resume', 'other.torch', '--', 'photos']
  const during = (attempt: number): void => {
    if (attempt === 2) save('model_iteration2.torch')
  }
  const { calls, said } = await run(3, [1, 1, 1, 0], { args, folder, during })
  const resumed = ['train', '--resume', 'other.torch', `--resume=${folder}`, '--', 'photos']
  t.deepEqual(calls, [args, args, resumed, resumed])
  t.regex(said[0]!, /as before/)
  t.true(said[1]!.endsWith(`started again (2 of 3) from the newest checkpoint in ${folder}`))
})

test('SLURM is asked to queue the job again', (t) => {
  const folder = scratch(t)
  const said: string[] = []
  const ask = (env: Record<string, string>) =>
    requeue({ PATH: folder, ...env }, (message) => said.push(message))
  ask({})
  t.deepEqual(said, [])
  ask({ SLURM_JOB_ID: '42' })
  t.regex(said.pop()!, /scontrol requeue 42 failed: .*ENOENT/)
  const fake = join(folder, 'scontrol')
  writeFileSync(fake, `#!/bin/sh\necho "$@" > "${folder}/asked"\n`)
  chmodSync(fake, 0o755)
  ask({ SLURM_JOB_ID: '42' })
  t.is(readFileSync(join(folder, 'asked'), 'utf8'), 'requeue 42\n')
  t.is(said.pop(), 'SLURM queues job 42 again')
  writeFileSync(fake, '#!/bin/sh\necho "not allowed" >&2\nexit 1\n')
  ask({ SLURM_JOB_ID: '42' })
  t.is(said.pop(), 'scontrol requeue 42 failed: not allowed')
})
