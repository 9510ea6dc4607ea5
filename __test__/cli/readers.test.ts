import { fileURLToPath } from 'node:url'
import test from 'ava'
import { ExitCode } from '../../ts/errors.ts'
import { Child, nodeArguments, scratch, vissl } from './_process.ts'

const driver = fileURLToPath(new URL('./_reader-driver.ts', import.meta.url))

/** Runs a program whose output `head` reads; what it exits with is the code of the whole. */
const headed = (cwd: string, args: readonly string[], redirect = '') =>
  new Child(
    'bash',
    ['-c', `"$@" ${redirect} | head -n 2; exit $PIPESTATUS`, 'sh', process.execPath, ...args],
    cwd,
  )

test('a command that only prints ends without a word when its reader goes away', async (t) => {
  const { code, out, err } = await headed(scratch(t), nodeArguments(driver)).ended
  t.deepEqual([code, out, err], [ExitCode.ok, 'line 0\nline 1\n', ''])
})

for (const [signal, expected] of [
  ['SIGPIPE', 141],
  ['SIGTERM', ExitCode.terminated],
] as const) {
  test(`a run that listens to ${signal} is stopped by it, and ends in its own time`, async (t) => {
    const { code, err } = await headed(scratch(t), [...nodeArguments(driver), signal]).ended
    t.deepEqual([code, err], [expected, ''])
  })
}

test('standard error counts as well', async (t) => {
  const { code } = await headed(scratch(t), [...nodeArguments(driver), 'SIGTERM', 'stderr'], '2>&1').ended
  t.is(code, ExitCode.terminated)
})

test('a long list cut by head', async (t) => {
  const { code, out } = await vissl(scratch(t), ['config', 'list'], {
    shell: '"$@" | head -n 1; exit $PIPESTATUS',
  }).ended
  t.deepEqual([code, out], [ExitCode.ok, 'whole runs\n'])
})
