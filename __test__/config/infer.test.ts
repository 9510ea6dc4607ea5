import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { type Config, composeConfig, inferConfig, originOf } from '../../ts/config/index.ts'
import { rootSchema } from '../../ts/config/schema/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { workFolder } from './helpers.ts'

interface Row {
  overrides: string[]
  composed: object
  inferred: object
}

const golden = new URL('../golden/config/inference.json.gz', import.meta.url)
const rows = JSON.parse(gunzipSync(readFileSync(golden)).toString()) as Row[]

/** What differs between two trees, paths joined by dots; keys that only ours has do not count. */
function differences(ours: unknown, theirs: unknown, path = ''): string[] {
  if (typeof ours === 'number' && typeof theirs === 'number') {
    return Math.abs(ours - theirs) <= 1e-12 * Math.max(1, Math.abs(ours)) ? [] : [path]
  }
  if (typeof ours !== 'object' || typeof theirs !== 'object' || ours === null || theirs === null) {
    return Object.is(ours, theirs) ? [] : [path]
  }
  if (Array.isArray(theirs) && (ours as unknown[]).length !== theirs.length) return [path]
  return Object.entries(theirs).flatMap(([key, value]) =>
    differences((ours as Record<string, unknown>)[key], value, `${path}.${key}`),
  )
}

for (const { overrides, composed, inferred } of rows) {
  test(`as the reference: ${overrides.join(' ')}`, (t) => {
    const { config } = rootSchema.parse(composed)
    t.deepEqual(differences(inferConfig(config), inferred), [])
  })
}

const cwd = workFolder()
const simclr = (...overrides: string[]): Config =>
  composeConfig({ config: 'pretrain/simclr/simclr_8node_resnet', overrides, cwd }).config

test('the given configuration stays as it is', (t) => {
  const config = simclr('config.DISTRIBUTED.NUM_NODES=1')
  const before = structuredClone(config)
  inferConfig(config)
  t.deepEqual(config, before)
})

test('on one machine the warm-up goes and the cosine remains', (t) => {
  const { lr } = inferConfig(simclr('config.DISTRIBUTED.NUM_NODES=1')).OPTIMIZER.param_schedulers
  t.is(lr.name, 'cosine')
  t.true(Math.abs(lr.start_value - 0.6) < 1e-12)
})

test('rules are recorded as origins', (t) => {
  const { config, origins } = composeConfig({ config: 'quickstart', cwd })
  const inferred = inferConfig(config, { origins })
  t.is(inferred.LOSS.simclr_info_nce_loss.buffer_params.effective_batch_size, 512)
  t.is(originOf(origins, 'config.LOSS.simclr_info_nce_loss.buffer_params.effective_batch_size').kind, 'rule')
  t.is(originOf(origins, 'config.OPTIMIZER.num_epochs').kind, 'file')
  t.is(inferred.OPTIMIZER.param_schedulers.lr.name, 'composite')
})

test('what cannot be inferred is an error', (t) => {
  for (const overrides of [
    ['config.LOSS.name=swav_loss'],
    ['config.LOSS.name=deepclusterv2_loss'],
    ['config.LOSS.name=my_simclr_info_nce_loss'],
    ['config.OPTIMIZER.param_schedulers.lr.name=polynomial'],
    ['config.OPTIMIZER.head_optimizer_params={use_different_wd:true,weight_decay:-1}'],
  ]) {
    t.throws(() => inferConfig(simclr(...overrides)), { instanceOf: VisslError }, overrides[0])
  }
})
