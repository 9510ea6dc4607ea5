import test from 'ava'
import { countCargo, countTap, failuresOfCargo, failuresOfTap } from '../../scripts/setup/test-output.mjs'

test('cargo’s results are summed over crates', (t) => {
  const output = [
    'test result: ok. 12 passed; 0 failed; 0 ignored',
    'failures:\n\n---- a::b stdout ----\nthread panicked\n\nfailures:\n    a::b\n',
    'test result: FAILED. 3 passed; 2 failed; 0 ignored',
  ].join('\n')
  t.deepEqual(countCargo({ output }), { passed: 15, failed: 2 })
  t.is(failuresOfCargo(output), '---- a::b stdout ----\nthread panicked')
})

test('TAP: a crashed file and a skipped test are failures', (t) => {
  const output = [
    'TAP version 13',
    'ok 1 - adds',
    'not ok 2 - subtracts',
    '  ---',
    '    message: wrong',
    '  ...',
    'ok 3 - later # SKIP',
    'not ok 4 - x.test.ts exited due to SIGSEGV',
    '1..4',
    '# tests 4',
  ].join('\n')
  t.deepEqual(countTap({ output }), { passed: 1, failed: 3 })
  t.is(failuresOfTap(output).split('\n').length, 6)
})

test('TAP: what a failed test logged does not hide why it failed', (t) => {
  const failure = ['not ok 1 - adds', '# on this machine', '  ---', '    message: wrong', '  ...']
  const output = ['TAP version 13', '# sums', ...failure, 'ok 2 - subtracts', '# more', '1..2', '# tests 2']
  t.is(failuresOfTap(output.join('\n')), failure.join('\n'))
})
