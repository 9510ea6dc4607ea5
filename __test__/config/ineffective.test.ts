import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { describeKeys } from '../../ts/config/describe.ts'
import { composeTree, packageConfigs } from '../../ts/config/index.ts'
import { insteadOf } from '../../ts/config/schema/unused.ts'

const warnings = (...overrides: string[]) =>
  composeTree({ config: 'quickstart', overrides, cwd: packageConfigs, configDirs: [packageConfigs] }).warnings

test('a key without effect is warned about, once for its block, with what to use instead', (t) => {
  t.deepEqual(warnings(), [])
  t.deepEqual(
    warnings('config.PROFILING.RUNTIME_PROFILING.USE_PROFILER=true', 'config.PROFILING.NUM_ITERATIONS=3'),
    ['command line  config.PROFILING.NUM_ITERATIONS has no effect: use  vissl train --profile N'],
  )
  t.deepEqual(warnings('config.SVM={max_iter:5}', 'config.METERS.model_output_mask=true'), [
    'command line  config.METERS.model_output_mask has no effect: no data set has a mask',
    'command line: config.SVM={max_iter:5}  config.SVM.max_iter has no effect: ' +
      'extract features with engine_name=extract_features, and fit classifiers to them elsewhere',
  ])
})

test('defaults, and what is switched off or removed, are no matter', (t) => {
  t.deepEqual(warnings('config.PROFILING.NUM_ITERATIONS=10', 'config.METERS.model_output_mask=false'), [])
  t.deepEqual(warnings('~config.SLURM'), [])
})

test('keys that nothing reads say so', (t) => {
  const root = fileURLToPath(new URL('../../ts/', import.meta.url))
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  const read = files.filter((name) => name.endsWith('.ts') && !/^config\/(?!infer|facts)/.test(name))
  const words = new Set(read.flatMap((name) => readFileSync(root + name, 'utf8').match(/\w+/g) ?? []))
  const isSaid = (path: string): boolean =>
    descriptions.some(
      ([key, said]) => (path === key || path.startsWith(`${key}.`)) && /accepted|always/.test(said),
    )
  const keys = describeKeys()
  const descriptions = keys.map(({ path, description }): [string, string] => [
    path,
    insteadOf(description) === undefined ? description : 'accepted',
  ])
  const silent = keys.filter(({ path, kind }) => {
    const name = path.slice(path.lastIndexOf('.') + 1)
    return kind === 'value' && !words.has(name) && !isSaid(path)
  })
  t.deepEqual(
    silent.map(({ path, description }) => `${path}: ${description}`),
    [],
  )
})
