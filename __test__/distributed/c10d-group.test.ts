import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { alone, joinGroup } from '../../ts/distributed/index.ts'
import type { ZeroResult } from './_rank.ts'
import { freePort, ranks } from './_ranks.ts'

test('collectives over TCP', async (t) => {
  const place = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) }
  const results = await ranks<{
    reduced: number[][]
    sent: number[]
    gathered: number[]
    strided: number[]
  }>(2, 'collectives', place)
  for (const result of results) {
    t.deepEqual(result.reduced, [
      [1, 10],
      [0.5, 5],
      [1, 10],
      [0, 0],
    ])
    t.deepEqual(result.sent, [1, 10])
    t.deepEqual(result.gathered, [0, 0, 1, 10])
    // The columns (0, 1, 2) and (3, 4, 5) of a tensor that is not contiguous.
    t.deepEqual(result.strided, [3, 5, 7])
  }
})

test('two and four processes train as one on the joined batch', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-c10d-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const train = (size: number) =>
    ranks<{ losses: number[]; state: number[] }>(size, 'training', {
      VISSL_RENDEZVOUS_FILE: join(folder, `store-${size}`),
      OMP_NUM_THREADS: '1',
    })
  const [one] = await train(1)
  t.is(one!.losses.length, 20)
  t.true(one!.losses[19]! < one!.losses[0]!)
  const close = (a: number[], b: number[]) => {
    t.is(a.length, b.length)
    return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))
  }
  for (const size of [2, 4]) {
    const [first, ...others] = await train(size)
    for (const other of others) t.deepEqual(other, first)
    t.true(close(first!.losses, one!.losses) < 1e-5)
    t.true(close(first!.state, one!.state) < 1e-5)
  }
})

test('ZeRO shares out the state and trains as the optimizer inside, bit for bit', async (t) => {
  const place = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()), OMP_NUM_THREADS: '1' }
  for (const [rank, results] of (await ranks<ZeroResult[]>(2, 'zero', place)).entries()) {
    t.true(results.length > 3)
    for (const { name, moved, equal, kept, wholeEqual, resumed, misfit } of results) {
      t.true(moved, name)
      t.true(equal, `${name}: parameters`)
      // The first process has gathered the whole; the largest layer is its own.
      if (rank === 0) t.true(wholeEqual, `${name}: gathered state`)
      else t.true(kept > 0.1 && kept < 0.5, `${name}: ${kept} of the state`)
      t.deepEqual(resumed, [true, true], `${name}: resumed with two processes, and with one`)
      t.regex(misfit, /groups of 1 parameters, the model needs/, name)
    }
  }
})

test('gradients are averaged while backward runs or after it, where a process lacks some too', async (t) => {
  const place = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) }
  for (const [overlapped, after] of await ranks<number[][]>(2, 'averaging', place)) {
    t.deepEqual(overlapped, [1.5, 1.5, 1.5, 1.5])
    // The second process has no gradient of the second weight: (1 + 0) / 2.
    t.deepEqual(after, [1.5, 1.5, 0.5, 0.5])
  }
})

test('processes agree', async (t) => {
  const place = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) }
  for (const result of await ranks<object>(2, 'agreement', place)) {
    t.deepEqual(result, { text: 'runs/ключ-1', empty: '', largest: 130 })
  }
})

test('a group splits into groups', async (t) => {
  const place = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) }
  const results = await ranks<object>(4, 'split', place)
  t.deepEqual(
    results,
    [0, 1, 2, 3].map((rank) => ({
      sum: [rank < 2 ? 1 : 5],
      rank: rank % 2,
      size: 2,
      single: true,
    })),
  )
})

test('a rank that never comes is an error with the address', async (t) => {
  const rendezvous = { kind: 'tcp', host: '127.0.0.1', port: await freePort() } as const
  t.throws(() => joinGroup({ rendezvous, rank: 0, size: 2, address: '127.0.0.1', timeout: 200 }), {
    message: new RegExp(`rank 0 of 2 cannot join the others at tcp://127.0.0.1:${rendezvous.port}`),
  })
})

test('a port in use is an error', async (t) => {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, done))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  const rendezvous = { kind: 'tcp', host: '127.0.0.1', port } as const
  t.throws(() => joinGroup({ rendezvous, rank: 0, size: 1, address: '127.0.0.1', timeout: 200 }), {
    message: /cannot join/,
  })
})

test('alone, every collective is the identity', (t) => {
  t.is(alone.size, 1)
  t.is(alone.split([[0]]), alone)
})
