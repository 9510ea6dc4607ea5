import test from 'ava'
import { BytePool } from '../../ts/checkpoint/byte-pool.ts'
import { storeTensor } from '../../ts/checkpoint/contents.ts'
import { ops, scope } from '../../ts/engine/index.ts'

test('memory is given out again only after it was released, by its size', (t) => {
  const pool = new BytePool()
  const [first, second] = [pool.take(20_000), pool.take(20_000)]
  t.not(first, second)
  pool.release()
  t.is(pool.take(30_000).length, 30_000)
  const again = [pool.take(20_000), pool.take(20_000)]
  t.deepEqual(new Set(again), new Set([first, second]))
  t.false(again.includes(pool.take(20_000)))
})

test('a state in used memory is the state', (t) => {
  const pool = new BytePool()
  pool.take(40_000).fill(7)
  pool.release()
  scope(() => {
    const tensor = ops.arange(10_000, { dtype: 'float32' }).view([100, 100]).t()
    t.deepEqual(storeTensor(tensor, pool.take).bytes, tensor.toBytes())
    t.throws(() => tensor.toBytes(new Uint8Array(3)), { message: /40000 bytes, not 3/ })
  })
})
