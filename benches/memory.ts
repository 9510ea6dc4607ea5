// 2,000 train steps: live tensors stay constant and resident memory stays flat. See README.md.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTiny } from '../__test__/train/_run.ts'
import { stats } from '../ts/engine/index.ts'

const STEPS = Number(process.argv[2] ?? 2000)
const BATCHES = 4

interface Sample {
  step: number
  tensors: number
  rss: number
}

const samples: Sample[] = []
const folder = mkdtempSync(join(tmpdir(), 'vissl-memory-'))
try {
  await runTiny(folder, {
    overrides: [
      `config.OPTIMIZER.num_epochs=${STEPS / BATCHES}`,
      'config.CHECKPOINT.CHECKPOINT_FREQUENCY=1000',
    ],
    hooks: [
      {
        name: 'memory',
        onStep: (task) => {
          if (task.iteration % (STEPS / 8) !== 0) return
          samples.push({ step: task.iteration, tensors: stats().tensors, rss: process.memoryUsage.rss() })
        },
      },
    ],
  })
} finally {
  rmSync(folder, { recursive: true, force: true })
}

console.log('   step   live tensors   resident MiB')
for (const { step, tensors, rss } of samples) {
  console.log(
    `${String(step).padStart(7)} ${String(tensors).padStart(14)} ${(rss / 2 ** 20).toFixed(1).padStart(14)}`,
  )
}
const [first, last] = [samples[1]!, samples.at(-1)!]
console.log(
  JSON.stringify({
    bench: 'memory',
    steps: STEPS,
    live_tensors: last.tensors / first.tensors,
    resident: Number((last.rss / first.rss).toFixed(3)),
  }),
)
