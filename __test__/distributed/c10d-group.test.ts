import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { alone, joinGroup } from '../../ts/distributed/index.ts'

const script = fileURLToPath(new URL('_rank.ts', import.meta.url))

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

/** Runs a job of _rank.ts in processes of their own; gives what each sent, by rank. */
async function ranks<T>(size: number, job: string, rendezvous: Record<string, string>): Promise<T[]> {
  return Promise.all(
    Array.from({ length: size }, (_, rank) => {
      const child = fork(script, [job], {
        execArgv: ['--import=@oxc-node/core/register'],
        env: { ...process.env, ...rendezvous, RANK: String(rank), WORLD_SIZE: String(size) },
      })
      return new Promise<T>((done, fail) => {
        let result: T
        child.on('message', (message) => {
          result = message as T
        })
        child.on('exit', (code) =>
          code === 0 ? done(result) : fail(new Error(`rank ${rank} ended with ${code}`)),
        )
      })
    }),
  )
}

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

test('two processes train as one on the joined batch', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-c10d-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const train = (size: number) =>
    ranks<{ losses: number[]; weight: number[] }>(size, 'training', {
      VISSL_RENDEZVOUS_FILE: join(folder, `store-${size}`),
    })
  const [one] = await train(1)
  const two = await train(2)
  t.deepEqual(two[0], two[1])
  const close = (a: number[], b: number[]) => a.every((value, i) => Math.abs(value - b[i]!) < 1e-6)
  t.true(close(two[0]!.losses, one!.losses))
  t.true(close(two[0]!.weight, one!.weight))
  t.true(one!.losses[4]! < one!.losses[0]!)
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
