import test from 'ava'
import { stringify } from 'yaml'
import {
  composeTree,
  historyOf,
  inferTree,
  originOf,
  parseOverride,
  type Tree,
  type Value,
} from '../../ts/config/index.ts'
import { getAt, isSame, isTree, mergeInto } from '../../ts/config/tree.ts'
import { parseYaml } from '../../ts/config/yaml.ts'
import { VisslError } from '../../ts/errors.ts'
import { forSeeds, many, pick } from './generate.ts'
import { workFolder } from './helpers.ts'

/** What `f` gives, or the VisslError that it throws; any other error fails the test. */
function outcome<T>(f: () => T): T | VisslError {
  try {
    return f()
  } catch (error) {
    if (error instanceof VisslError) return error
    throw error
  }
}

const DOLLAR = '$'
const KEYS = ['a', 'b', 'config', 'x1', '_y', 'constructor', '__proto__', 'toString', 'LOSS', 'name']
const TEXTS = [
  'a',
  'two words',
  "it's",
  '"',
  '',
  '1',
  'null',
  '[',
  '{a:1}',
  'a=b',
  'é',
  `${DOLLAR}{a}`,
  '\\',
  ' x ',
  'a,b',
  '~',
]

function value(random: () => number, depth = 0): Value {
  const kind = random()
  if (kind < 0.15 && depth < 3) return many(random, 3, () => value(random, depth + 1))
  if (kind < 0.3 && depth < 3) {
    return Object.fromEntries(many(random, 3, () => [pick(random, KEYS), value(random, depth + 1)] as const))
  }
  if (kind < 0.4) return null
  if (kind < 0.5) return random() < 0.5
  if (kind < 0.7) return pick(random, [0, 1, -3, 0.5, 1e-5, 1e21, Number.NaN, Number.POSITIVE_INFINITY])
  return pick(random, TEXTS)
}

/** A value in the grammar of overrides; text and keys in quotes. */
function written(item: Value): string {
  if (Array.isArray(item)) return `[${item.map(written).join(',')}]`
  if (isTree(item)) {
    return `{${Object.entries(item)
      .map(([key, child]) => `${written(key)}:${written(child)}`)
      .join(',')}}`
  }
  if (typeof item === 'string') return `'${item.replaceAll("'", "\\'")}'`
  if (typeof item === 'number') return String(item).replace('Infinity', 'inf')
  return String(item)
}

test('what is written is what is read', (t) => {
  forSeeds(2000, (random) => {
    const item = value(random)
    // A backslash before the closing quote cannot be written.
    if (!JSON.stringify(item).includes('\\\\')) {
      t.true(isSame(parseOverride(`a.b=${written(item)}`).value, item), written(item))
    }
  })
})

const ATOMS =
  'a b 1 0 1.5 1e5 - + . / \\ $ % * @ : , [ ] { } ( ) = \' " null true inf $A{a} $A{ \\, int( str( é \u0000 \n \t ~ # & ? config SEED_VALUE __proto__ constructor'
    .replaceAll('$A', DOLLAR)
    .split(' ')

test('any text is an override or a VisslError', (t) => {
  forSeeds(4000, (random) => {
    const text = `${pick(random, ['a=', '+a.b=', '~', '++x=', '', 'a/b@c='])}${many(random, 12, () => pick(random, ATOMS)).join(pick(random, ['', ' ']))}`
    const result = outcome(() => parseOverride(text))
    if (result instanceof VisslError) t.truthy(result.fix, text)
  })
  t.is(({} as { polluted?: unknown }).polluted, undefined)
})

test('any text is a file or a VisslError that names the place', (t) => {
  const atoms = [
    'a',
    'b: ',
    '- ',
    '\n',
    '  ',
    '[',
    ']',
    '{',
    '}',
    '&x ',
    '*x',
    '<<: ',
    '"',
    "'",
    '#',
    '|',
    '>',
    '!!set ',
    '? ',
    '---\n',
    '\t',
    'null',
    '1e5',
    ': ',
    '%',
    '\u0000',
    '__proto__: ',
    ', ',
  ]
  forSeeds(3000, (random) => {
    const text = many(random, 20, () => pick(random, atoms)).join('')
    const result = outcome(() => parseYaml(text, 'x.yaml'))
    if (result instanceof VisslError) t.regex(result.message, /^x\.yaml/, JSON.stringify(text))
    else t.true(isTree(result.tree))
  })
})

test('a file gives back the tree that was written into it', (t) => {
  forSeeds(400, (random) => {
    const item = value(random)
    if (!isTree(item)) return
    const text = stringify(item, { version: '1.1', aliasDuplicateObjects: false })
    t.true(isSame(parseYaml(text, 'x').tree, item), text)
  })
})

test('merging: the later one counts, twice is once, and nothing is shared', (t) => {
  forSeeds(500, (random) => {
    const [a, b] = [value(random), value(random)]
    if (!isTree(a) || !isTree(b)) return
    const once = structuredClone(a)
    mergeInto(once, b)
    const twice = structuredClone(once)
    mergeInto(twice, b)
    t.true(isSame(once, twice))
    const before = structuredClone(once)
    mergeInto(b, { a: { z: 1 }, config: [9] })
    t.true(isSame(once, before))
  })
})

const cwd = workFolder({
  'config/base.yaml': 'config: {SEED_VALUE: 3, LOSS: {mine: {a: [1, {b: 2}]}}}\n',
  'config/over/a.yaml': 'config: {SEED_VALUE: 4, DISTRIBUTED: {NUM_NODES: 2}}\n',
  'config/over/b.yaml': '# @package _group_\nx: 1\n',
})
const PATHS = [
  'config.SEED_VALUE',
  'config.LOSS.mine.a',
  'config.LOSS.mine.a.1.b',
  'config.LOSS.name',
  'config.OPTIMIZER.param_schedulers.lr.name',
  'config.OPTIMIZER.param_schedulers.lr.auto_lr_scaling.auto_scale',
  'config.OPTIMIZER',
  'config.DATA.TRAIN.TRANSFORMS',
  'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA',
  'config.DISTRIBUTED.NUM_NODES',
  'config.MODEL.HEAD.PARAMS',
  'config.METERS',
  'config',
  'config.NEW.x',
  'config.__proto__.polluted',
  'config.constructor.prototype.polluted',
  'VERSION',
]
const VALUES = [
  '1',
  '-1',
  '0',
  'null',
  'x',
  '[]',
  '{}',
  '[[swav_head,{dims:[2],num_clusters:[3]}]]',
  'true',
  'nan',
  '{a:1}',
  'swav_loss',
  'cosine',
  'composite',
  'simclr_info_nce_loss',
  '1e400',
  `${DOLLAR}{a}`,
]

test('any command line composes and infers, or is a VisslError; origins fit the tree', (t) => {
  forSeeds(250, (random) => {
    const overrides = [
      'config=base',
      ...many(random, 2, () =>
        pick(random, ['+config/over=a', '+config/over=b', '+config/over@config=a', '+config/over=c']),
      ),
      ...many(
        random,
        4,
        () =>
          `${pick(random, ['', '', '+', '++', '~'])}${pick(random, PATHS)}${pick(random, ['=', '=', '=', ''])}${pick(random, VALUES)}`,
      ),
    ]
    const composition = outcome(() => composeTree({ overrides, cwd, configDirs: [`${cwd}/configs`] }))
    if (composition instanceof VisslError) {
      t.not(composition.message, '')
      return
    }
    const inferred = outcome(() => inferTree(composition))
    const tree: Tree = inferred instanceof VisslError ? composition.tree : inferred
    for (const path of ['config.SEED_VALUE', 'config.DISTRIBUTED.NUM_NODES', 'config.LOSS.name']) {
      const last = historyOf(composition.origins, path).at(-1)
      if (inferred instanceof VisslError) continue
      t.true(isSame(last?.value, getAt(tree, path.split('.'))), `${overrides.join(' ')} ${path}`)
      if (last?.value !== undefined && !isTree(last.value))
        t.deepEqual(last.origin, originOf(composition.origins, path), overrides.join(' '))
    }
  })
  t.is(({} as { polluted?: unknown }).polluted, undefined)
  t.is((Object as unknown as { polluted?: unknown }).polluted, undefined)
})
