import test from 'ava'
import { parse } from 'yaml'
import { yamlText } from '../../ts/cli/yaml-text.ts'
import { parseYaml } from '../../ts/config/yaml.ts'

const texts = [
  ...[
    '',
    ' ',
    'a',
    'a b',
    'yes',
    'No',
    'y',
    'N',
    'on',
    'OFF',
    'null',
    '~',
    'true',
    '.inf',
    '-.Inf',
    '.nan',
    'nan',
    '010',
    '0x1',
  ],
  ...[
    '1e5',
    '1_000',
    '12:30',
    '-',
    '- a',
    '? a',
    'a: b',
    'a #b',
    '#',
    '[',
    '{}',
    ', ',
    '*a',
    '&a',
    '!a',
    '|',
    '>',
    '%',
    '@',
    '`',
  ],
  ...[
    '"',
    "'",
    '\\',
    'a\nb',
    '\t',
    'ü',
    '名前',
    '😀',
    '\u0000',
    '\u2028',
    '\u0085',
    '__proto__x',
    '<<',
    '=',
    '/data/x',
    '2020-01-01',
  ],
  ...['$' + '{a}', 'a/b.torch', 'x'.repeat(300)],
]
const numbers = [0, 1, -1, 1.5, 1e-8, -1e-8, 1.5e-7, 1e21, 123456789, 0.1, Number.MAX_SAFE_INTEGER]

test('what is written is read back, by a reader of YAML 1.1 and by our own', (t) => {
  const value = {
    texts,
    numbers: [...numbers, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
    byText: Object.fromEntries(texts.filter((text) => text !== '<<').map((text) => [text, text])),
    nested: [[], {}, [[]], [{}], { a: [] }, { a: {}, b: null, c: true }, ['x', { y: [1, { z: 2 }] }]],
    long: [
      { name: 'x'.repeat(60), other: 'y'.repeat(60), list: [1, 2], map: { a: 1 }, empty: {} },
      'z'.repeat(200),
    ],
    many: Array.from({ length: 100 }, (_, i) => i),
    deep: { a: { b: { c: [], d: {}, e: [1] } } },
  }
  const text = yamlText(value)
  t.deepEqual(parse(text, { version: '1.1' }), value)
  t.deepEqual(parseYaml(text, 'x.yaml').tree, value)
})

test('single values', (t) => {
  for (const value of [...texts, ...numbers, null, true, [], [1, 2], [[1], { a: 2 }], {}])
    t.deepEqual(parse(yamlText(value), { version: '1.1' }), value, yamlText(value))
})

test('it reads well', (t) => {
  const transforms = [
    { name: 'Resize', size: 256 },
    { name: 'Normalize', mean: [0.485, 0.456], std: [1e-8] },
  ]
  t.is(
    yamlText({ DATA: { TRANSFORMS: transforms, SOURCES: ['disk_folder'], NONE: [] }, OK: 'yes' }),
    [
      'DATA:',
      '  TRANSFORMS:',
      '    - {name: Resize, size: 256}',
      '    - {name: Normalize, mean: [0.485, 0.456], std: [1.0e-8]}',
      '  SOURCES: [disk_folder]',
      '  NONE: []',
      'OK: "yes"',
      '',
    ].join('\n'),
  )
})
