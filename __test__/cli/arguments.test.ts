import test from 'ava'
import { lastValue, type OptionSpec, parseArguments } from '../../ts/cli/arguments.ts'

const specs: OptionSpec[] = [
  { name: 'plugin', takes: 'many', description: '' },
  { name: 'resume', takes: 'optional', implied: 'auto', description: '' },
  { name: 'dry-run', takes: 'flag', description: '' },
]
const parse = (...argv: string[]) => parseArguments(argv, specs)

test('overrides, options and the rest', (t) => {
  const args = parse(
    'config=x',
    './photos',
    '+config/a=b',
    '~config.C',
    '--plugin',
    'a.ts',
    '--plugin=b.ts',
    '--dry-run',
  )
  t.deepEqual(args.overrides, ['config=x', '+config/a=b', '~config.C'])
  t.deepEqual(args.positional, ['./photos'])
  t.deepEqual(args.options.get('plugin'), ['a.ts', 'b.ts'])
  t.true(args.options.has('dry-run'))
  t.is(lastValue(args, 'resume'), undefined)
})

test('an optional value', (t) => {
  t.is(lastValue(parse('--resume'), 'resume'), 'auto')
  t.is(lastValue(parse('--resume', 'config=x'), 'resume'), 'auto')
  t.is(lastValue(parse('--resume', '--dry-run'), 'resume'), 'auto')
  t.is(lastValue(parse('--resume', 'runs/x-1'), 'resume'), 'runs/x-1')
  t.is(lastValue(parse('--resume=runs/x=1'), 'resume'), 'runs/x=1')
})

test('paths with an equals sign are no overrides', (t) => {
  t.deepEqual(parse('./a=b', '/c=d').positional, ['./a=b', '/c=d'])
  t.deepEqual(parse('--', '--dry-run', 'a=b').positional, ['--dry-run', 'a=b'])
})
