import test from 'ava'
import {
  formatBar,
  formatClock,
  formatCount,
  formatDuration,
  formatMillions,
  formatNumber,
  formatPercent,
  formatTable,
  formatTimedelta,
  styleFor,
} from '../../ts/logging/index.ts'
import { Capture } from './output.ts'

test('durations', (t) => {
  t.deepEqual([0.0123, 3.14, 14, 65, 59.7, 320, 11400, Number.NaN].map(formatDuration), [
    '12 ms',
    '3.1 s',
    '14 s',
    '1 min 05 s',
    '1 min 00 s',
    '5 min 20 s',
    '3 h 10 min',
    '–',
  ])
  t.deepEqual([7, 100, 7384, Number.POSITIVE_INFINITY].map(formatClock), ['0:07', '1:40', '2:03:04', '-:--'])
  t.deepEqual([7.9, 7384, 93784, 180000].map(formatTimedelta), [
    '0:00:07',
    '2:03:04',
    '1 day, 2:03:04',
    '2 days, 2:00:00',
  ])
})

test('numbers', (t) => {
  t.is(formatCount(60000), '60,000')
  t.deepEqual([700_000, 23_508_032, 12_345, 99].map(formatMillions), ['0.7 M', '23.5 M', '12 k', '99'])
  t.is(formatPercent(0.6921), '69.2 %')
  t.deepEqual(
    [4.7123, 0.21, 6e-7, Number.NaN].map((value) => formatNumber(value)),
    ['4.71', '0.21', '6e-7', 'NaN'],
  )
})

test('bars and tables', (t) => {
  t.is(formatBar(0, 4), '    ')
  t.is(formatBar(0.5, 4), '██  ')
  t.is(formatBar(0.53125, 4), '██▏ ')
  t.is(formatBar(2, 4), '████')
  t.is(
    formatTable([
      ['raw pixels', '81.9 %'],
      ['trained', '8.1 %'],
    ]),
    'raw pixels  81.9 %\ntrained      8.1 %',
  )
})

test('colours only on a terminal, and not with NO_COLOR', (t) => {
  t.is(styleFor(new Capture(true), {}).red('x'), '\u001b[31mx\u001b[39m')
  t.is(styleFor(new Capture(true), { NO_COLOR: '1' }).red('x'), 'x')
  t.is(styleFor(new Capture(true), { TERM: 'dumb' }).red('x'), 'x')
  t.is(styleFor(new Capture(false), {}).red('x'), 'x')
  t.true(styleFor(new Capture(false), { FORCE_COLOR: '1' }).enabled)
})
