import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { doctor } from '../../ts/cli/doctor.ts'
import { ExitCode } from '../../ts/errors.ts'
import { checkCuda, checkJpeg, checkNode, type Finding } from '../../ts/launch/doctor.ts'
import { Capture } from '../logging/output.ts'

const folder = mkdtempSync(join(tmpdir(), 'vissl-doctor-'))

async function run(options: string[] = [], cwd = folder) {
  const stdout = new Capture()
  const args = {
    overrides: [],
    positional: [],
    raw: [],
    options: new Map(options.map((name) => [name, ['']])),
  }
  const code = await doctor.run(args, { stdout, stderr: new Capture(), cwd, env: {} })
  return { code, text: stdout.text }
}

test.serial('a machine on which the tests run is healthy', async (t) => {
  const { code, text } = await run()
  t.is(code, ExitCode.ok)
  t.regex(text, /✔ Node \d+/)
  t.regex(text, /✔ libtorch 2\.13\.0\S* +built with 2\.13\.0, in /)
  t.regex(text, /✔ JPEG +libjpeg-turbo|! JPEG +zune-jpeg/)
  t.regex(text, /✔ this folder +writable, [\d.]+ GiB free/)
  const findings = JSON.parse((await run(['json'])).text) as Finding[]
  t.true(findings.every(({ state }) => state !== 'bad'))
})

test.serial('without libtorch the rest is still examined, and the fix is named', async (t) => {
  const record = join(folder, 'libtorch.json')
  writeFileSync(record, '{')
  process.env.VISSL_LIBTORCH_RECORD = record
  t.teardown(() => delete process.env.VISSL_LIBTORCH_RECORD)
  const { code, text } = await run([], join(folder, 'nowhere'))
  t.is(code, ExitCode.environment)
  t.regex(text, /✖ libtorch +.*is damaged\n +fix: unset VISSL_LIBTORCH_RECORD, or run: npm run setup/)
  t.regex(text, /✖ this folder +ENOENT/)
})

test('old versions of Node', (t) => {
  t.is(checkNode('20.19.0').state, 'ok')
  t.is(checkNode('24.0.0').state, 'ok')
  t.is(checkNode('20.18.3').state, 'bad')
  t.is(checkNode('18.20.0').state, 'bad')
})

test('the slower JPEG decoder is a limit, with what to install', (t) => {
  t.is(checkJpeg('libjpeg-turbo').state, 'ok')
  t.like(checkJpeg('zune-jpeg'), {
    state: 'note',
    fix: 'install cmake and nasm, and run: npm run setup -- --force',
  })
})

test('a GPU that libtorch cannot use is a defect, none at all is not', (t) => {
  t.is(checkCuda(undefined, 0, false).state, 'ok')
  t.is(checkCuda('580.1', 2, true).detail, 'driver 580.1, 2 GPU(s)')
  t.regex(checkCuda('580.1', 0, false).detail, /has no CUDA part/)
  t.regex(checkCuda('580.1', 0, true).fix!, /nvidia-smi/)
})
