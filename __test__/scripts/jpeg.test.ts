import test from 'ava'
import { turboTools } from '../../scripts/setup/jpeg.mjs'

const probeOf =
  (...there: string[]) =>
  (command: string): string | undefined =>
    there.includes(command) ? `${command} 1.0` : undefined
const fetches = (path?: string) => async () => path
const never = async () => {
  throw new Error('nothing is to be fetched')
}

test('what is on the PATH is used', async (t) => {
  const found = await turboTools({}, { probe: probeOf('cmake', 'nasm'), arch: 'x64', fetchAssembler: never })
  t.deepEqual(found, { env: {} })
  const named = await turboTools(
    { ASM_NASM: '/opt/nasm' },
    { probe: probeOf('cmake', '/opt/nasm'), arch: 'x64', fetchAssembler: never },
  )
  t.deepEqual(named, { env: {} })
})

test('only x86-64 needs an assembler, which is fetched where it is missing', async (t) => {
  const probe = probeOf('cmake')
  t.deepEqual(await turboTools({}, { probe, arch: 'arm64', fetchAssembler: never }), { env: {} })
  t.deepEqual(await turboTools({}, { probe, arch: 'x64', fetchAssembler: fetches('/cache/nasm') }), {
    env: { ASM_NASM: '/cache/nasm' },
  })
})

test('what is missing is named', async (t) => {
  const without = await turboTools({}, { probe: probeOf('nasm'), arch: 'x64', fetchAssembler: never })
  t.regex(without.missing ?? '', /^install cmake, then run: npm run setup -- --force$/)
  const noAssembler = { probe: probeOf('cmake'), arch: 'x64', fetchAssembler: fetches() }
  t.regex((await turboTools({}, noAssembler)).missing ?? '', /^install nasm, /)
})
