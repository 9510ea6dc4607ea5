import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { LIBTORCH_VERSION, libtorchRecord, loadLibtorch } from '../../ts/engine/libtorch.ts'
import { ExitCode, type VisslError } from '../../ts/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'vissl-libtorch-'))
const given = process.env.VISSL_LIBTORCH_RECORD
/** Not called libtorch_cpu.so, of which the right one may be in this process already. */
const library = join(folder, 'libtorch_part.so')
writeFileSync(library, 'not a library')
const good = {
  version: LIBTORCH_VERSION,
  source: 'test',
  preload: [library],
  files: [{ path: library, size: 13 }],
}

test.after.always(() => {
  if (given === undefined) delete process.env.VISSL_LIBTORCH_RECORD
  else process.env.VISSL_LIBTORCH_RECORD = given
  rmSync(folder, { recursive: true, force: true })
})

/** What loading says to a record of this text. */
function refuses(t: ExecutionContext, text: string | undefined, message: RegExp): VisslError {
  const path = join(folder, text === undefined ? 'absent.json' : 'record.json')
  if (text !== undefined) writeFileSync(path, text)
  process.env.VISSL_LIBTORCH_RECORD = path
  const error = t.throws<VisslError>(loadLibtorch, { message })!
  t.is(error.exitCode, ExitCode.environment)
  t.regex(error.fix ?? '', /npm run setup/)
  return error
}

test.serial('no record', (t) => {
  const error = refuses(t, undefined, /libtorch is not set up yet: there is no .*absent\.json/)
  t.regex(error.fix!, /^unset VISSL_LIBTORCH_RECORD, or run: npm run setup$/)
})

test.serial('a damaged record', (t) => {
  const wrong = [
    '',
    '{"version": "2.13',
    'null',
    '[]',
    '{}',
    JSON.stringify({ ...good, preload: [7] }),
    JSON.stringify({ ...good, files: [null] }),
    JSON.stringify({ ...good, files: [{ path: library }] }),
  ]
  for (const text of wrong) refuses(t, text, /record\.json is damaged/)
})

test.serial('another version', (t) => {
  const error = refuses(
    t,
    JSON.stringify({ ...good, version: '2.9.1+cpu' }),
    /libtorch 2\.9\.1\+cpu is set up/,
  )
  t.true(error.message.includes(LIBTORCH_VERSION))
})

test.serial('a library that is gone, cut, or no library', (t) => {
  const gone = join(folder, 'libc10.so')
  refuses(t, JSON.stringify({ ...good, files: [{ path: gone, size: 1 }] }), /libtorch is gone: .*libc10\.so/)
  const cut = { ...good, files: [{ path: library, size: 438_418_417 }] }
  refuses(t, JSON.stringify(cut), /libtorch_part\.so has 13 bytes instead of 438418417/)
  refuses(t, JSON.stringify(good), /libtorch does not load: /)
  const missing = { ...good, preload: [gone], files: [] }
  refuses(t, JSON.stringify(missing), /libtorch does not load: .*libc10\.so/)
})

test.serial('the record of set-up loads', (t) => {
  if (given === undefined) delete process.env.VISSL_LIBTORCH_RECORD
  else process.env.VISSL_LIBTORCH_RECORD = given
  t.is(libtorchRecord().version.split('+')[0], LIBTORCH_VERSION)
  t.notThrows(loadLibtorch)
  t.notThrows(loadLibtorch)
})
