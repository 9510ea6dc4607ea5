import test from 'ava'
import { shareOut } from '../../ts/optim/zero.ts'

test('parameters are shared out evenly, the same way each time', (t) => {
  const params = [5, 100, 1, 60, 40, 2, 0].map((numel) => ({ numel }))
  const owners = shareOut(params, 2)
  t.deepEqual(shareOut(params, 2), owners)
  const sums = [0, 1].map((rank) =>
    params.reduce((sum, { numel }, i) => sum + (owners[i] === rank ? numel : 0), 0),
  )
  t.deepEqual(sums, [105, 103])
})

test('more processes than parameters', (t) => {
  t.deepEqual(shareOut([{ numel: 3 }, { numel: 9 }], 4), [1, 0])
  t.deepEqual(shareOut([], 3), [])
})
