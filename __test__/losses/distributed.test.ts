import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { distance } from '../nn/numbers.ts'
import { cases, clusters, type Outcome, outcome } from './_cases.ts'
import { close } from './_golden.ts'

const SIZE = 2

interface Sent {
  readonly outcomes: Record<string, Outcome>
  readonly clusters: ReturnType<typeof clusters>
}

async function runRanks(): Promise<Sent[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-ranks-'))
  const script = fileURLToPath(new URL('_rank.ts', import.meta.url))
  const start = (rank: number) =>
    new Promise<Sent>((done, fail) => {
      const child = fork(script, [], {
        execArgv: ['--import=@oxc-node/core/register'],
        env: {
          ...process.env,
          VISSL_RENDEZVOUS_FILE: join(folder, 'store'),
          RANK: String(rank),
          WORLD_SIZE: String(SIZE),
        },
      })
      let result: Sent
      child.on('message', (message) => {
        result = message as Sent
      })
      child.on('exit', (code) =>
        code === 0 ? done(result) : fail(new Error(`rank ${rank} ended with ${code}`)),
      )
    })
  try {
    return await Promise.all(Array.from({ length: SIZE }, (_, rank) => start(rank)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Rows of one process of a gradient over all images, view by view. */
function shareOf(gradient: readonly number[], views: number, rank: number): number[] {
  const view = gradient.length / views
  const own = view / SIZE
  return Array.from({ length: views }, (_, v) =>
    gradient.slice(v * view + rank * own, v * view + (rank + 1) * own),
  ).flat()
}

test('two processes agree with one on the joined batch: losses, gradients, state, clusters', async (t) => {
  const sent = await runRanks()
  for (const [name, { views }] of Object.entries(cases)) {
    const alone = outcome(name, 0, 1)
    // Codes are float32.
    const tolerance = name === 'swav_loss' ? 1e-5 : 1e-9
    const average = sent.reduce((sum, each) => sum + each.outcomes[name]!.loss, 0) / SIZE
    t.true(close(average, alone.loss, tolerance), `${name}: ${average} for ${alone.loss}`)
    for (const [rank, each] of sent.entries()) {
      const got = each.outcomes[name]!
      // What data parallel training makes of it: the mean over processes.
      const gradient = got.gradient.map((value) => value / SIZE)
      t.true(
        distance(gradient, shareOf(alone.gradient, views, rank)) < tolerance,
        `${name}: gradient of ${rank}`,
      )
      for (const [key, values] of Object.entries(alone.state)) {
        t.true(distance(got.state[key]!, values) < 1e-9, `${name}: ${key} of ${rank}`)
      }
    }
  }
  const [first, second] = sent.map((each) => each.clusters)
  t.deepEqual(first, second)
  const centroids = first!.centroids
  t.true(centroids.every(Number.isFinite))
  t.is(first!.assignments.length, 8)
  t.true(first!.assignments.every((cluster) => cluster >= 0 && cluster < 3))
  // One process draws its first centroids among all images: another start, the same kind of result.
  t.is(clusters(0, 1).assignments.length, 8)
})
