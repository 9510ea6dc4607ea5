import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { composeConfig, composeTree, listOptions } from '../../ts/config/index.ts'
import { parseOverride } from '../../ts/config/override.ts'
import { VisslError } from '../../ts/errors.ts'
import { workFolder } from './helpers.ts'

const laughs = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
for (let i = 1; i < 12; i++) {
  const [name, before] = ['abcdefghijkl'[i]!, 'abcdefghijkl'[i - 1]!]
  laughs.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]`)
}

const DOLLAR = '$'
const cwd = workFolder({
  'config/base.yaml': 'config: {SEED_VALUE: 1}\n',
  'config/laughs.yaml': `${laughs.join('\n')}\n`,
  'config/itself.yaml': 'config: &a\n  LOSS: {x: *a}\n',
  'config/loose.yaml': 'config: *nothing\n',
  'config/twice.yaml': 'config:\n  SEED_VALUE: 1\n  LOSS: {}\n  SEED_VALUE: 2\n',
  'config/tab.yaml': 'config:\n\tSEED_VALUE: 1\n',
  'config/proto.yaml':
    'config:\n  __proto__: {polluted: 1}\n  constructor: {prototype: {polluted: 1}}\n  LOSS: {__proto__: {polluted: 1}}\n',
  'config/deep.yaml': `config: ${'['.repeat(100_000)}\n`,
  'config/deep_map.yaml': `config: ${'{a: '.repeat(5000)}1${'}'.repeat(5000)}\n`,
  'config/indented.yaml': `${Array.from({ length: 2000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')}\n`,
  'config/tagged.yaml': 'config: {SEED_VALUE: !!python/object/apply:os.system [ls]}\n',
  'config/binary.yaml': 'config: {SEED_VALUE: !!binary aGVsbG8=}\n',
  'config/set.yaml': 'config: !!set {a, b}\n',
  'config/keyed.yaml': 'config: {? [a, b] : 1}\n',
  'config/documents.yaml': 'config: {}\n---\nconfig: {}\n',
  'config/huge.yaml': `config: {LOSS: {x: "${'y'.repeat(5_000_000)}"}}\n`,
  'config/long.yaml': `config:\n  OPTIMIZER: {name: ${'y'.repeat(100_000)}, num_epochs: x}\n`,
  'config/cyclic.yaml': 'defaults: [{config: cyclic}, cyclic]\nconfig: {SEED_VALUE: 5}\n',
  'config/dollar.yaml': `config: {CHECKPOINT: {DIR: "${DOLLAR}{config.CHECKPOINT.DIR}/${DOLLAR}{env:HOME}"}}\n`,
  'config/range.yaml':
    'config: {SEED_VALUE: 123456789012345678901234567890, LOG_FREQUENCY: 1e999, OPTIMIZER: {num_epochs: -1}}\n',
  'outside.yaml': 'config: {SEED_VALUE: 6}\n',
})
writeFileSync(
  join(cwd, 'configs/config/latin.yaml'),
  Buffer.from('config: {CHECKPOINT: {DIR: gr\xf6sse}}\n', 'latin1'),
)
writeFileSync(join(cwd, 'configs/config/bytes.yaml'), Buffer.from([0, 1, 2, 255, 254, 0]))
mkdirSync(join(cwd, 'configs/config/folder.yaml'))
symlinkSync('..', join(cwd, 'configs/config/loop'))

const compose = (...overrides: string[]) =>
  composeConfig({ overrides, cwd, configDirs: [join(cwd, 'configs')] })
function failure(...overrides: string[]): string {
  try {
    compose(...overrides)
  } catch (error) {
    if (error instanceof VisslError) return error.message
    throw error
  }
  return ''
}
const isClean = () => !('polluted' in {}) && !('polluted' in Object)

for (const [name, message] of [
  ['laughs', /more than 100000 values/],
  ['itself', /holds itself/],
  ['loose', /configs\/config\/loose\.yaml:1:9 .*nothing/],
  ['twice', /twice\.yaml:4:3 {2}the key is given twice/],
  ['tab', /tab\.yaml:2:1 {2}a tab in the indentation/],
  ['deep', /nests too deeply|nest deeper|deep\.yaml:1/],
  ['deep_map', /nests too deeply|nest deeper/],
  ['indented', /nests too deeply|nest deeper/],
  ['tagged', /tagged\.yaml:1:/],
  ['binary', /binary\.yaml:1:.*no map, list, text/],
  ['keyed', /keyed\.yaml:1:.*a key is a single value/],
  ['documents', /documents\.yaml:2:1/],
  ['huge', /has 5000024 bytes/],
  ['latin', /no UTF-8/],
  ['bytes', /no UTF-8/],
  ['folder', /no configuration config=folder/],
  ['range', /SEED_VALUE[\s\S]*LOG_FREQUENCY[\s\S]*num_epochs/],
] as const) {
  test(`a file with ${name} is an error`, (t) => {
    t.regex(failure(`config=${name}`), message)
    t.true(isClean())
  })
}

test('a set is no configuration', (t) => {
  t.regex(failure('config=set'), /set\.yaml:1:\d+ {2}!!set is no map or list/)
})

test('a mistake in a long line is shown in short', (t) => {
  const message = failure('config=long')
  t.regex(message, /long\.yaml:2:100035/)
  t.true(message.length < 1000)
})

for (const key of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
  test(`${key} is a key like any other, or none`, (t) => {
    for (const text of [
      `+config.${key}.polluted=1`,
      `++config.${key}.polluted=1`,
      `+config.LOSS.${key}={polluted:1}`,
      `+config.LOSS={${key}:{polluted:1}}`,
      `config.${key}.polluted=1`,
      `config.LOSS.${key}=1`,
      `~config.${key}`,
      `~config.${key}.${key}`,
      `+${key}.polluted=1`,
      `config=${key}`,
      `+${key}/${key}=x`,
      `+config/over@${key}=base`,
    ]) {
      failure('config=base', text)
      t.true(isClean(), text)
    }
  })
}

test('keys of files do not reach prototypes', (t) => {
  const { tree } = composeTree({ overrides: ['config=proto'], cwd, configDirs: [join(cwd, 'configs')] })
  t.true(isClean())
  t.true(Object.hasOwn(tree.config as object, '__proto__'))
  t.is(Object.getPrototypeOf(tree.config), Object.prototype)
})

for (const name of [
  '../outside',
  'a/../../outside',
  '..',
  '../../../../etc/passwd',
  'over/..',
  '..\\outside',
]) {
  test(`the name ${name} leaves the searched folders`, (t) => {
    t.regex(failure(`config='${name}'`), /leaves the folders that are searched/)
    t.not(failure('config=base', `+config='${name}'`), '')
  })
}

test('a path is a path', (t) => {
  t.is(compose('config=./configs/outside.yaml').config.SEED_VALUE, 6)
  t.is(compose('config=./configs/config/../outside').config.SEED_VALUE, 6)
  t.is(compose(`config=${cwd}/configs/outside.yaml`).config.SEED_VALUE, 6)
  t.regex(failure('config=/dev/zero'), /no configuration file/)
  t.regex(failure('config=/'), /no configuration file/)
  t.regex(failure("config='base\0x'"), /no name of a file/)
  t.regex(failure("config='base\nx'"), /no name of a file/)
})

test('a nested list of defaults is ignored, cyclic or not, with a warning', (t) => {
  const { config, warnings } = compose('config=cyclic')
  t.is(config.SEED_VALUE, 5)
  t.deepEqual(warnings, ['configs/config/cyclic.yaml:1:1  the list "defaults" is ignored'])
})

test('nothing is filled in for interpolations, and a warning says so', (t) => {
  const { config, warnings } = compose('config=dollar', `+config.NEW=${DOLLAR}{oc.env:PATH}`)
  t.is(config.CHECKPOINT.DIR, `${DOLLAR}{config.CHECKPOINT.DIR}/${DOLLAR}{env:HOME}`)
  t.is(warnings.length, 2)
  t.regex(warnings.join('\n'), /dollar\.yaml:1:\d+ {2}config\.CHECKPOINT\.DIR: .* is kept as it is written/)
  t.regex(warnings.join('\n'), /command line: \+config\.NEW/)
})

test('a link to a folder above does not trap the list of configurations', (t) => {
  t.true(listOptions('config', [join(cwd, 'configs')]).length < 100)
})

test('overrides that are huge or deep are errors', (t) => {
  const error = (text: string) => t.throws(() => parseOverride(text), { instanceOf: VisslError })
  error(`a=${'['.repeat(100_000)}`)
  error(`a=${'['.repeat(200)}${']'.repeat(200)}`)
  error(`a=${'{a:'.repeat(200)}1${'}'.repeat(200)}`)
  error(`a=${'x'.repeat(2_000_000)}`)
  error(`a=${'int('.repeat(100_000)}`)
  t.is(parseOverride(`a='${"\\'".repeat(100_000)}'`).value, "'".repeat(100_000))
  t.is(parseOverride(`a=${'1 '.repeat(50_000)}`).key, 'a')
})
