import test from 'ava'
import { turboTools } from '../../scripts/setup/jpeg.mjs'

const probeOf =
  (...there: string[]) =>
  (command: string): string | undefined =>
    there.includes(command) ? `${command} 1.0` : undefined
const fetches = (path?: string) => () => path
const never = () => {
  throw new Error('nothing is to be fetched')
}

test('what is on the PATH is used', (t) => {
  const found = turboTools({}, { probe: probeOf('cmake', 'nasm'), arch: 'x64', fetchAssembler: never })
  t.deepEqual(found, { env: {} })
  const named = turboTools(
    { ASM_NASM: '/opt/nasm' },
    { probe: probeOf('cmake', '/opt/nasm'), arch: 'x64', fetchAssembler: never },
  )
  t.deepEqual(named, { env: {} })
})

test('only x86-64 needs an assembler, which is fetched where it is missing', (t) => {
  const probe = probeOf('cmake')
  t.deepEqual(turboTools({}, { probe, arch: 'arm64', fetchAssembler: never }), { env: {} })
  t.deepEqual(turboTools({}, { probe, arch: 'x64', fetchAssembler: fetches('/cache/nasm') }), {
    env: { ASM_NASM: '/cache/nasm' },
  })
})

test('what is missing is named', (t) => {
  const without = turboTools({}, { probe: probeOf('nasm'), arch: 'x64', fetchAssembler: never })
  t.regex(without.missing ?? '', /^install cmake, then run: npm run setup -- --force$/)
  const noAssembler = { probe: probeOf('cmake'), arch: 'x64', fetchAssembler: fetches() }
  t.regex(turboTools({}, noAssembler).missing ?? '', /^install nasm, /)
})
