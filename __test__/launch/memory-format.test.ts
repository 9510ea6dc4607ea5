import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { composeConfig, inferConfig } from '../../ts/config/index.ts'
import { memoryFormatOf } from '../../ts/launch/memory-format.ts'

const cache = mkdtempSync(join(tmpdir(), 'vissl-format-'))
const before = process.env.VISSL_CACHE
process.env.VISSL_CACHE = cache
test.after.always(() => {
  if (before === undefined) delete process.env.VISSL_CACHE
  else process.env.VISSL_CACHE = before
  rmSync(cache, { recursive: true, force: true })
})

const configOf = (...overrides: string[]) => {
  const { config, origins } = composeConfig({
    overrides: [
      'config=quickstart',
      'config.MACHINE.MEMORY_FORMAT=auto',
      'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.BASE_WIDTH=4',
      ...overrides,
    ],
    cwd: cache,
  })
  return inferConfig(config, { origins })
}

test.serial('auto is measured once, and later runs make the same choice', (t) => {
  const said: string[] = []
  const first = memoryFormatOf(configOf(), (line) => said.push(line))
  t.true(['contiguous', 'channels_last'].includes(first))
  t.regex(said[0]!, /^memory {3}(contiguous|channels last): [\d.]+ ms for a pass of the trunk/)
  const file = join(cache, 'memory-formats.json')
  const choices = JSON.parse(readFileSync(file, 'utf8')) as Record<string, { format: string }>
  for (const choice of Object.values(choices))
    choice.format = first === 'contiguous' ? 'channels_last' : 'contiguous'
  writeFileSync(file, JSON.stringify(choices))
  t.not(
    memoryFormatOf(configOf(), () => {}),
    first,
  )
})

test.serial('what is given is taken, and what cannot be measured is channels last', (t) => {
  const silent = () => t.fail()
  t.is(memoryFormatOf(configOf('config.MACHINE.MEMORY_FORMAT=contiguous'), silent), 'contiguous')
  t.is(memoryFormatOf(configOf('config.DATA.TRAIN.TRANSFORMS=[{name:ToTensor}]'), silent), 'channels_last')
})
