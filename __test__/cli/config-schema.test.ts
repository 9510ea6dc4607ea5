import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { z } from 'zod'
import { catalogue } from '../../ts/config/catalogue.ts'
import { describeKeys } from '../../ts/config/describe.ts'
import { packageConfigs } from '../../ts/config/index.ts'
import { configJsonSchema, type JsonSchema } from '../../ts/config/json-schema.ts'
import { parseYaml } from '../../ts/config/yaml.ts'
import { ExitCode } from '../../ts/errors.ts'
import { config } from './_config.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-config-'))
const schema = configJsonSchema()

function nodeOf(path: string, root: JsonSchema = schema): JsonSchema {
  let node = root
  for (const key of path.split('.')) node = node.properties![key]!
  return node
}

test('the command prints the schema', async (t) => {
  const { code, out } = await config(cwd, 'schema')
  t.is(code, ExitCode.ok)
  const printed = JSON.parse(out) as JsonSchema
  const name = nodeOf('config.LOSS.name', printed)
  t.true((name.examples as string[]).includes('simclr_info_nce_loss'))
  t.deepEqual(Object.keys(printed.properties!), Object.keys(schema.properties!))
  t.is(schema.$schema, 'https://json-schema.org/draft/2020-12/schema')
})

test('it has every key with its description and default; nothing is required of a file', (t) => {
  for (const { path, kind, description, default: value } of describeKeys()) {
    const node = nodeOf(path)
    t.is(node.description, description, path)
    if (kind === 'value' && value !== undefined) t.deepEqual(node.default, value, path)
    if (kind === 'block') t.is(node.required, undefined, path)
  }
})

test('types, ranges and choices; misspelt keys are marked where the set of keys is closed', (t) => {
  t.like(nodeOf('config.OPTIMIZER.num_epochs'), { type: 'integer', minimum: 1, default: 90 })
  t.deepEqual(nodeOf('config.OPTIMIZER.param_schedulers.lr.update_interval').enum, ['epoch', 'step'])
  t.is(schema.additionalProperties, false)
  t.is(nodeOf('config.DATA.TRAIN').additionalProperties, false)
  t.not(nodeOf('config.LOSS').additionalProperties, false)
})

test('keys are known where VISSL 0.1.6 has them as well', (t) => {
  const pairs = [
    ['HOOKS.PERF_STATS.PERF_STAT_FREQUENCY', 'PERF_STAT_FREQUENCY'],
    ['HOOKS.TENSORBOARD_SETUP.LOG_PARAMS', 'TENSORBOARD_SETUP.LOG_PARAMS'],
    ['MODEL.TRUNK.RESNETS.DEPTH', 'MODEL.TRUNK.TRUNK_PARAMS.RESNETS.DEPTH'],
    ['CLUSTERFIT.NUM_ITER', 'CLUSTERFIT.N_ITER'],
  ] as const
  for (const [moved, ours] of pairs) t.deepEqual(nodeOf(`config.${moved}`), nodeOf(`config.${ours}`), moved)
})

test("parameters of parts of one's own", (t) => {
  const mine = z.object({ t: z.number().positive().default(2).describe('temperature') })
  const node = nodeOf('config.LOSS.mine.t', configJsonSchema({ 'LOSS.mine': mine }))
  t.like(node, { type: 'number', exclusiveMinimum: 0, default: 2, description: 'temperature' })
})

test("a validator made from it takes the package's configurations and refuses mistakes", (t) => {
  const validator = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0])
  const runs = catalogue([packageConfigs]).filter(
    ({ kind, argument }) => kind === 'base' && !argument.includes('=test/'),
  )
  t.true(runs.length > 20)
  for (const { file, argument } of runs) {
    const result = validator.safeParse(parseYaml(readFileSync(file, 'utf8'), file).tree)
    t.deepEqual(result.error?.issues ?? [], [], argument)
  }
  t.false(validator.safeParse({ config: { OPTIMIZER: { num_epochs: 'ten' } } }).success)
  t.false(validator.safeParse({ config: { DATA: { TRANE: {} } } }).success)
})
