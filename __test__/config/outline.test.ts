import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { z } from 'zod'
import { builtIn } from '../../ts/config/built-in.ts'
import { describeOutline, faults, type Outline } from '../../ts/config/outline.ts'
import { outlineOf } from '../../ts/config/outline-of.ts'
import { rootSchema } from '../../ts/config/schema/index.ts'
import { setAt, type Tree, type Value } from '../../ts/config/tree.ts'
import { forSeeds, pick } from './generate.ts'

test('outline and defaults are those of the schema, from the cache or not', (t) => {
  t.deepEqual(builtIn.outline, JSON.parse(JSON.stringify(outlineOf(rootSchema))) as Outline)
  t.deepEqual(builtIn.defaults, rootSchema.parse({}) as unknown as Tree)
  t.deepEqual(faults(builtIn.defaults, builtIn.outline), [])
  const hint = 'a refinement in the schema makes every composition load zod: teach outlineOf to express it'
  t.false(JSON.stringify(builtIn.outline).includes('"opaque"'), hint)
})

const schemas: readonly z.ZodType[] = [
  z.int(),
  z.int().min(1),
  z.int().min(0).max(5),
  z.int().multipleOf(8),
  z.number(),
  z.number().positive(),
  z.number().min(0).lt(1),
  z.number().nullable().default(null),
  z.string(),
  z.string().min(2),
  z.boolean().default(true),
  z.enum(['a', 'b']),
  z.literal(1),
  z.unknown(),
  z.array(z.int()).default([]),
  z.array(z.string()).min(1),
  z.array(z.number()).length(2).optional(),
  z.tuple([z.string(), z.array(z.unknown())]),
  z.tuple([z.string()]).rest(z.int()),
  z.record(z.string(), z.int()),
  z.strictObject({ a: z.int().optional() }),
  z.union([z.string(), z.int(), z.array(z.int())]),
  z.looseObject({
    a: z.int(),
    b: z.string().default('x'),
    c: z.looseObject({ d: z.int() }).prefault({ d: 1 }),
  }),
]
const VALUES: readonly Value[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  5,
  8,
  0.5,
  1.5,
  1e300,
  2 ** 53,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  'a',
  'abc',
  '1',
  [],
  [1],
  [1, 2],
  ['a'],
  ['a', 1],
  ['a', []],
  ['a', 'b', 1],
  [[1]],
  {},
  { a: 1 },
  { a: 'x' },
  { a: 1, b: 2 },
  { a: 1, c: null },
  { a: 1, c: { d: 2 }, e: 3 },
  { a: 1, c: {} },
  { x: 1, y: 2 },
]

test('an outline finds what zod finds', (t) => {
  for (const schema of schemas) {
    const outline = outlineOf(schema)
    t.not(outline.kind, 'opaque')
    for (const value of VALUES) {
      const issues = schema.safeParse(value).error?.issues ?? []
      const theirs = new Set(issues.map(({ path }) => path.join('.')))
      const ours = faults(value, outline).map((path) => path.join('.'))
      const what = `${describeOutline(outline)}: ${JSON.stringify(value)}`
      t.is(ours.length === 0, theirs.size === 0, what)
      t.true(
        ours.every((path) => [...theirs].some((other) => other.startsWith(path) || path.startsWith(other))),
        what,
      )
    }
  }
})

test('what an outline cannot express is opaque', (t) => {
  for (const schema of [
    z.string().regex(/a/),
    z.email(),
    z.int().refine((x) => x > 1),
    z.string().transform(Number),
    z.date(),
  ]) {
    t.is(outlineOf(schema).kind, 'opaque')
  }
})

test('the whole schema and its outline agree on changed trees', (t) => {
  const paths: string[][] = []
  const walk = (tree: Value, path: string[]): void => {
    if (path.length > 0) paths.push(path)
    if (typeof tree === 'object' && tree !== null && !Array.isArray(tree)) {
      for (const [key, value] of Object.entries(tree)) walk(value, [...path, key])
    }
  }
  walk(builtIn.defaults, [])
  forSeeds(150, (random) => {
    const tree = structuredClone(builtIn.defaults)
    for (let i = 0; i < 3; i++) setAt(tree, pick(random, paths), structuredClone(pick(random, VALUES)))
    const isGood = rootSchema.safeParse(tree).success
    t.is(faults(tree, builtIn.outline).length === 0, isGood)
  })
})

/** Prints the number of keys, in a process of its own. */
function run(cache: string): string {
  const program = `import('${new URL('../../ts/config/listed.ts', import.meta.url)}').then(({ allKeys }) => console.log(allKeys().length))`
  const child = spawnSync(process.execPath, ['--import=@oxc-node/core/register', '-e', program], {
    env: { ...process.env, VISSL_CACHE: cache },
    encoding: 'utf8',
  })
  return child.stdout
}

test('the cache keeps what the newest few versions wrote, and nothing else is touched', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-cache-'))
  const old = Array.from({ length: 6 }, (_, i) => `schema-${String(i).repeat(32)}.json`)
  const left = `${old[5]}.half-written`
  for (const [i, name] of [left, ...old].entries()) {
    writeFileSync(join(folder, name), '{}')
    utimesSync(join(folder, name), 1000 + i, 1000 + i)
  }
  writeFileSync(join(folder, 'schema-notes.json'), '')
  run(folder)
  const names = readdirSync(folder)
  const [ours, ...more] = names.filter((name) => !old.includes(name) && name !== 'schema-notes.json')
  t.regex(ours!, /^schema-[0-9a-f]{32}\.json$/)
  t.deepEqual(more, [])
  t.deepEqual(names.sort(), [...old.slice(3), ours!, 'schema-notes.json'].sort())
})

test('the cache is made, mended, and done without', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-cache-'))
  const keys = run(join(folder, 'made'))
  t.true(Number(keys) > 300)
  const [name, ...others] = readdirSync(join(folder, 'made'))
  t.regex(name!, /^schema-[0-9a-f]{32}\.json$/)
  t.deepEqual(others, [])
  const file = join(folder, 'made', name!)
  for (const damaged of ['', '{"outline":', '{}', 'null']) {
    writeFileSync(file, damaged)
    t.is(run(join(folder, 'made')), keys)
    t.true(readFileSync(file, 'utf8').length > 1000)
  }
  writeFileSync(join(folder, 'a-file'), '')
  t.is(run(join(folder, 'a-file')), keys)
  chmodSync(file, 0o000)
  t.is(run(join(folder, 'made')), keys)
})
