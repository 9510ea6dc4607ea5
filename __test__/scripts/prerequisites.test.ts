import test from 'ava'
import { checkRuntime, checkToolchain } from '../../scripts/setup/prerequisites.mjs'

type Probe = (command: string) => string | undefined
const tools: Record<string, string> = { rustc: 'rustc 1.95.0 (abc)', cargo: 'cargo 1.95.0', 'g++': 'g++ 12' }
const without =
  (...names: string[]): Probe =>
  (command) =>
    names.includes(command) ? undefined : tools[command]

test('an old Node and another platform are named with the fix', (t) => {
  t.notThrows(() => checkRuntime('20.19.0', 'linux'))
  const old = t.throws(() => checkRuntime('18.20.0', 'linux'), { message: /Node 18\.20\.0 is too old/ })
  t.like(old, { exitCode: 5 })
  t.throws(() => checkRuntime('22.0.0', 'win32'), { message: /this is win32/ })
})

test('all missing tools are in one error, each with its fix', (t) => {
  t.is(checkToolchain(without(), {}).rustc, 'rustc 1.95.0 (abc)')
  const error = t.throws(() => checkToolchain(without('cargo', 'g++'), {})) as Error & { fix: string }
  t.regex(error.message, /cargo \(Rust\) is missing; a C\+\+ compiler is missing/)
  t.regex(error.fix, /rustup\.rs[\s\S]*apt install g\+\+/)
})

test('an old Rust is told to update', (t) => {
  const probe: Probe = (command) => (command === 'rustc' ? 'rustc 1.80.1' : tools[command])
  const error = t.throws(() => checkToolchain(probe, {})) as Error & { fix: string }
  t.regex(error.message, /1\.80\.1 is too old; 1\.89\.0/)
  t.regex(error.fix, /rustup update/)
})

test('CXX names the only compiler that counts', (t) => {
  t.throws(() => checkToolchain(without(), { CXX: 'icpx' }), { message: /C\+\+ compiler is missing/ })
})
