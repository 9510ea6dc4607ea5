import test from 'ava'
import { parseOverride } from '../../ts/config/override.ts'
import { parseValue, ValueError } from '../../ts/config/value.ts'
import { ExitCode, VisslError } from '../../ts/errors.ts'

const cases: [string, unknown][] = [
  ['', ''],
  ['null', null],
  ['True', true],
  ['FALSE', false],
  ['yes', 'yes'],
  ['12', 12],
  ['-3', -3],
  ['1_000', 1000],
  ['1.5', 1.5],
  ['.5', 0.5],
  ['3.', 3],
  ['1e-4', 1e-4],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['nan', Number.NaN],
  ['/a/b-c.torch', '/a/b-c.torch'],
  ['C:\\data', 'C:\\data'],
  ['http://x.y/z', 'http://x.y/z'],
  ['two words', 'two words'],
  ['  padded  ', 'padded'],
  ["'12'", '12'],
  ['"a=b, c"', 'a=b, c'],
  ["'it\\'s'", "it's"],
  ['a\\,b', 'a,b'],
  ['[]', []],
  ['[a,b,[c,1]]', ['a', 'b', ['c', 1]]],
  ['[ a , "b" ]', ['a', 'b']],
  ['{}', {}],
  ['{a:1,b:[1,2],c:{d:x}}', { a: 1, b: [1, 2], c: { d: 'x' } }],
  ['{"quoted": true}', { quoted: true }],
  ['[[mlp,{dims:[128,64],use_relu:true}]]', [['mlp', { dims: [128, 64], use_relu: true }]]],
  ['größe', 'größe'],
]

for (const [text, value] of cases) {
  test(`value ${text}`, (t) => {
    t.deepEqual(parseValue(text), value as never)
  })
}

test('interpolations stay as they are written', (t) => {
  const dollar = '$'
  t.is(parseValue(`${dollar}{config.SEED_VALUE}`), `${dollar}{config.SEED_VALUE}`)
  t.throws(() => parseValue(`${dollar}{open`), { instanceOf: ValueError })
})

for (const text of ['a,b', '[a', '[a b', '{a', '{a:1', "'open", 'a=b', 'range(1,3)', '[,]', '{:1}']) {
  test(`no value: ${text}`, (t) => {
    t.throws(() => parseValue(text), { instanceOf: ValueError })
  })
}

test('overrides are told apart by their prefix', (t) => {
  t.like(parseOverride('config.A.B=1'), { mode: 'set', path: ['config', 'A', 'B'], value: 1 })
  t.like(parseOverride('+config.A=x'), { mode: 'add', path: ['config', 'A'], value: 'x' })
  t.like(parseOverride('++config.A=x'), { mode: 'force' })
  t.like(parseOverride('~config.A'), { mode: 'delete', value: undefined })
  t.like(parseOverride('~config.A=1'), { mode: 'delete', value: 1 })
  t.like(parseOverride('config.X.0.name=v'), { path: ['config', 'X', '0', 'name'] })
})

test('malformed overrides say where and how to mend them', (t) => {
  const fix = (text: string) => t.throws(() => parseOverride(text), { instanceOf: VisslError })
  for (const text of ['=1', 'config.SEED_VALUE', 'config..A=1', 'config.A b(=1']) {
    t.is(fix(text)?.exitCode, ExitCode.usage)
  }
  t.true(fix('config.X[0].name=v')?.fix?.includes('config.X.0.name=…'))
  t.true(fix('config.A=a=b')?.message.includes('\n    config.A=a=b\n              ^'))
})
