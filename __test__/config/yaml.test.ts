import test from 'ava'
import { parseYaml } from '../../ts/config/yaml.ts'
import { VisslError } from '../../ts/errors.ts'

test('scalars are read as Python reads YAML 1.1', (t) => {
  const text =
    'a: yes\nb: off\nc: 010\nd: 1e-5\ne: 3.\nf: 1_000\ng: 12:30\nh: y\ni: .inf\nj: ~\nk: "yes"\nl: 2021-03-01\n'
  t.deepEqual(parseYaml(text, 'x').tree, {
    a: true,
    b: false,
    c: 8,
    d: 1e-5,
    e: 3,
    f: 1000,
    g: 750,
    h: 'y',
    i: Number.POSITIVE_INFINITY,
    j: null,
    k: 'yes',
    l: '2021-03-01',
  })
})

test('positions count from 1 and point at values', (t) => {
  const file = parseYaml('# @package _global_\nconfig:\n  A: 1\n  B:\n    - name: x\n      p: 0.5\n', 'x')
  t.deepEqual(file.positionOf(['config', 'A']), { line: 3, column: 6 })
  t.deepEqual(file.positionOf(['config', 'B', '0', 'p']), { line: 6, column: 10 })
  t.deepEqual(file.positionOf(['config', 'B', '0', 'gone']), { line: 5, column: 7 })
  t.deepEqual(file.positionOf(['other']), { line: 1, column: 1 })
})

test('an empty file is an empty map', (t) => {
  t.deepEqual(parseYaml('', 'x').tree, {})
  t.deepEqual(parseYaml('# only a comment\n', 'x').tree, {})
})

test('aliases and merge keys work', (t) => {
  const { tree } = parseYaml('a: &x {p: 1}\nb: *x\nc:\n  <<: *x\n  q: 2\n', 'x')
  t.deepEqual(tree, { a: { p: 1 }, b: { p: 1 }, c: { p: 1, q: 2 } })
})

for (const [text, where] of [
  ['a: 1\na: 2\n', 'x:2:1'],
  ['a: [1, 2\nb: 3\n', 'x:'],
  ['a: "open\n', 'x:'],
] as const) {
  test(`bad YAML names the place: ${JSON.stringify(text)}`, (t) => {
    const error = t.throws(() => parseYaml(text, 'x'), { instanceOf: VisslError })
    t.true(error?.message.startsWith(where))
    t.true(error?.message.includes('│'))
  })
}

test('a list at the root is refused', (t) => {
  t.throws(() => parseYaml('- a\n', 'x'), { message: /holds a list/ })
})
