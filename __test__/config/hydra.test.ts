import { readFileSync } from 'node:fs'
import test from 'ava'
import { composeTree, type Tree, type Value } from '../../ts/config/index.ts'
import { parseOverride } from '../../ts/config/override.ts'
import { VisslError } from '../../ts/errors.ts'
import { workFolder } from './helpers.ts'

type Written = Value | { __float__: string }
interface Parsed {
  line: string
  error?: true
  mode?: string
  key?: string
  package?: string
  value?: Written
}
interface Composed {
  overrides: string[]
  error?: true
  tree?: Tree
}
const golden = JSON.parse(readFileSync(new URL('../golden/config/hydra.json', import.meta.url), 'utf8')) as {
  parsed: Parsed[]
  files: Record<string, string>
  composed: Composed[]
}

/** Lines that Hydra refuses and we read, and why. */
const read: readonly (readonly [RegExp, string])[] = [
  [/^\+\+[A-Za-z_.]+=/, '`++` sets a key whether it exists or not, as in later versions of Hydra'],
  [/^key=\{['"]a['"]:1\}$/, 'VISSL’s own documentation writes keys of maps in quotes'],
  [/^key=.*[^\x20-\x7e]/, 'paths have letters of all alphabets'],
  [/^key=(?:.*['"\]}) ]) +$/, 'space after a value says nothing'],
]

/** Command lines that differ on purpose. */
const composedOnPurpose: Readonly<Record<string, string>> = {
  'config=empty': 'a file without keys changes nothing',
  'config=only_comment': 'a file without keys changes nothing',
  'config=anchors': 'merge keys (`<<`) are YAML; that version of OmegaConf takes them for duplicate keys',
  'config=kinds': 'a file may hold a list where a map was; whether it may be there is checked afterwards',
  'config.MODEL.TRUNK.TRUNK_PARAMS.EFFICIENT_NETS={model_name:b0}': 'an empty map may be given whole',
  '+config.LOSS.cross_entropy_multiple_output_single_target.weight.x=1': '`+` makes a map of null',
}
const refusedOnPurpose: Readonly<Record<string, string>> = {
  'config=null': 'the defaults alone are no run',
  '+config/nothing=a': 'there it is a new key, and the file that was meant is left out',
  '+config/nothing=[a,b]': 'there it is a new key',
  '+config/over={a:1}': 'there it is a new key',
}

const plain = (value: unknown): unknown => {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return { __float__: Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf' }
  }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}

function parse(line: string): Parsed {
  try {
    const { mode, key, package: place, value } = parseOverride(line)
    return {
      line,
      mode,
      key,
      ...(place === undefined ? {} : { package: place }),
      ...(value === undefined ? {} : { value: plain(value) as Value }),
    }
  } catch (error) {
    if (error instanceof VisslError) return { line, error: true }
    throw error
  }
}

test('override lines are read as Hydra 1.0.7 reads them', (t) => {
  t.true(golden.parsed.length >= 300)
  let differences = 0
  for (const row of golden.parsed) {
    const ours = parse(row.line)
    if (row.error && !ours.error && read.some(([line]) => line.test(row.line))) differences++
    else t.deepEqual(ours, row, row.line)
  }
  t.true(differences < 30, String(differences))
})

const cwd = workFolder(golden.files)

/** The first place where ours lacks what theirs has. Keys that Hydra does not know may be in ours. */
function missing(ours: unknown, theirs: unknown, path: string[] = []): string | undefined {
  if (typeof theirs !== 'object' || theirs === null || Array.isArray(theirs)) {
    return JSON.stringify(plain(ours)) === JSON.stringify(theirs) ? undefined : path.join('.')
  }
  if ('__float__' in theirs) {
    return JSON.stringify(plain(ours)) === JSON.stringify(theirs) ? undefined : path.join('.')
  }
  if (typeof ours !== 'object' || ours === null) return path.join('.')
  for (const [key, value] of Object.entries(theirs)) {
    const found = missing((ours as Record<string, unknown>)[key], value, [...path, key])
    if (found !== undefined) return found
  }
  return undefined
}

for (const { overrides, error, tree } of golden.composed) {
  test(`composed as Hydra 1.0.7 does: ${overrides.join(' ') || 'nothing'}`, (t) => {
    const last = overrides.at(-1) ?? ''
    let ours: Tree | undefined
    try {
      ours = composeTree({ overrides, cwd, configDirs: [`${cwd}/configs`] }).tree
    } catch (thrown) {
      t.true(thrown instanceof VisslError, String(thrown))
    }
    if (last in composedOnPurpose) t.true(error === true && ours !== undefined)
    else if (last in refusedOnPurpose) t.true(error !== true && ours === undefined)
    else if (error) t.is(ours, undefined)
    else t.is(missing(ours, tree), undefined)
  })
}

test('what overrides remove is gone', (t) => {
  for (const { overrides, tree } of golden.composed) {
    const [, removed] = /^~(config\.[\w.]+)/.exec(overrides.at(-1) ?? '') ?? []
    if (removed === undefined || tree === undefined) continue
    const path = removed.split('.')
    const at = (from: Value): Value | undefined =>
      path.reduce<Value | undefined>((node, key) => (node as Tree)?.[key], from)
    t.is(at(tree), undefined)
    t.is(at(composeTree({ overrides, cwd, configDirs: [`${cwd}/configs`] }).tree), undefined, removed)
  }
})
