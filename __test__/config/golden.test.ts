import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { type Composition, composeTree, inferTree, packageConfigs, type Tree } from '../../ts/config/index.ts'
import { VisslError } from '../../ts/errors.ts'

interface Row {
  overrides: string[]
  composed?: object
  inferred_config?: object
  inferred_top?: object
  compose_error?: object
  infer_error?: object
}
interface Faulty extends Row {
  composed_delta_vs_first_override_only?: { path: string[]; op: string; to?: unknown; value?: unknown }[]
}

const read = (name: string): Buffer => readFileSync(new URL(`../golden/configs/${name}`, import.meta.url))
const rowsOf = (name: string): Row[] =>
  gunzipSync(read(`${name}.jsonl.gz`))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row)

/** Command lines that VISSL refuses and we accept. */
const accepted: Readonly<Record<string, string>> = {
  '++config.SEED_VALUE=5': '`++` sets a key whether it exists or not',
  'config.MODEL.TRUNK.TRUNK_PARAMS.EFFICIENT_NETS={model_name:efficientnet_b0}':
    'a map that is empty so far may be given whole',
}
/** Command lines that VISSL accepts and we refuse. */
const refused: Readonly<Record<string, string>> = {
  '+config/pretrain/nothing/models=resnext101':
    'VISSL adds a key that nothing reads, and runs without the file',
}

const compose = (overrides: readonly string[]): Composition =>
  composeTree({ overrides, cwd: '/', configDirs: [packageConfigs] })

function outcome(overrides: readonly string[]): { raw?: Tree; inferred?: Tree; error?: VisslError } {
  let raw: Tree | undefined
  try {
    const composition = compose(overrides)
    raw = composition.tree
    return { raw, inferred: inferTree(composition) }
  } catch (error) {
    if (!(error instanceof VisslError)) throw error
    return { ...(raw === undefined ? {} : { raw }), error }
  }
}

/** The first key or value of theirs that ours lacks; lists count as a whole. */
function missing(ours: unknown, theirs: unknown, path = ''): string | undefined {
  const shown = `${path}: ${JSON.stringify(ours)} is not ${JSON.stringify(theirs)}`
  if (typeof theirs === 'number' && typeof ours === 'number') {
    return Math.abs(ours - theirs) <= 1e-15 * Math.abs(theirs) ? undefined : shown
  }
  if (typeof theirs !== 'object' || theirs === null || typeof ours !== 'object' || ours === null) {
    return Object.is(ours, theirs) ? undefined : shown
  }
  if (Array.isArray(theirs) && (ours as unknown[]).length !== theirs.length) return shown
  for (const [key, value] of Object.entries(theirs)) {
    const found = missing((ours as Record<string, unknown>)[key], value, `${path}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}

for (const name of ['cli_overrides', 'overlays', 'every_yaml_alone']) {
  test(`composed and inferred as VISSL 0.1.5 does: ${name}`, (t) => {
    const rows = rowsOf(name)
    t.true(rows.length > 30)
    for (const row of rows) {
      const line = row.overrides.join(' ')
      const { raw, inferred, error } = outcome(row.overrides)
      if (row.compose_error !== undefined) {
        if ((row.overrides.at(-1) ?? '') in accepted) t.not(inferred, undefined, line)
        else t.is(raw, undefined, line)
        continue
      }
      t.is(missing(raw, row.composed), undefined, line)
      if (row.infer_error !== undefined) t.truthy(error?.fix, line)
      else t.is(missing(inferred, { ...row.inferred_top, config: row.inferred_config }), undefined, line)
    }
  })
}

test('what VISSL refuses is refused, with what to do about it', (t) => {
  const rows = JSON.parse(read('errors.json').toString()) as Faulty[]
  for (const row of rows) {
    const line = row.overrides.join(' ')
    const { raw, error } = outcome(row.overrides)
    if ((row.overrides.at(-1) ?? '') in refused) {
      t.truthy(error?.fix, line)
    } else if (row.compose_error !== undefined || row.infer_error !== undefined) {
      t.regex(`${error?.message}\nfix: ${error?.fix ?? ''}`, /fix: ./, line)
      t.is(raw === undefined, row.compose_error !== undefined, line)
    } else {
      t.is(error, undefined, line)
      for (const { path, op, to, value } of row.composed_delta_vs_first_override_only ?? []) {
        const ours = path.reduce<unknown>((node, key) => (node as Tree)[key], raw)
        t.is(
          missing(ours, op === 'removed' ? undefined : (to ?? value)),
          undefined,
          `${line} ${path.join('.')}`,
        )
      }
    }
  }
})
