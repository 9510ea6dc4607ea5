// What training costs the app that started it: delay of its event loop and its memory over 1,000 steps, beside the same
// app at rest. The app does what a window would: it reads every event, and has a timer of 60 frames a second.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { train } from '../ts/launch/embedding/train.ts'

const STEPS = Number(process.argv[2] ?? 1000)
/** Steps before which memory is not looked at: buffers and compiled code still grow. */
const WARM = 100

/** Runs `work` beside the frames of a window. @returns delays of the event loop in milliseconds */
async function delaysDuring(work: () => Promise<void>): Promise<{ p50: number; p99: number; max: number }> {
  const frames = setInterval(() => {}, 1000 / 60)
  // What the monitor reports includes its own period, which is taken off again.
  const resolution = 5
  const monitor = monitorEventLoopDelay({ resolution })
  monitor.enable()
  await work()
  monitor.disable()
  clearInterval(frames)
  const ms = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolution)
  return { p50: ms(monitor.percentile(50)), p99: ms(monitor.percentile(99)), max: ms(monitor.max) }
}

const memory = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().rss / 2 ** 20
}

const cwd = mkdtempSync(join(tmpdir(), 'vissl-bench-'))
let warmMemory = 0
let seen = 0
const started = performance.now()
const training = await delaysDuring(async () => {
  await using run = train({
    config: 'quickstart',
    overrides: [
      ...['TRAIN', 'TEST'].flatMap((split) => [
        `config.DATA.${split}.DATA_SOURCES=[shapes]`,
        `config.DATA.${split}.DATASET_NAMES=[shapes]`,
      ]),
      // A small network: many events a second is the harder case for the app.
      'config.DATA.TRAIN.DATA_LIMIT=2048',
      'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=16',
      'config.DATA.TRAIN.TRANSFORMS.1.size=16',
      'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.BASE_WIDTH=4',
      'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[32,64]}]]',
      'config.EVALUATION.KNN.ENABLED=false',
      'config.MACHINE.THREADS=1',
      'config.OPTIMIZER.num_epochs=100000',
    ],
    cwd,
  })
  for await (const event of run) {
    if (event.type !== 'step') continue
    seen++
    if (event.step === WARM) warmMemory = memory()
    if (event.step >= STEPS) break
  }
})
const seconds = (performance.now() - started) / 1000
const endMemory = memory()
const rest = await delaysDuring(() => wait(Math.min(20, seconds) * 1000))
rmSync(cwd, { recursive: true, force: true })

const row = (name: string, { p50, p99, max }: typeof rest) =>
  `${name.padEnd(16)} ${[p50, p99, max].map((value) => value.toFixed(2).padStart(8)).join('')}`
console.log(`${STEPS} steps in ${seconds.toFixed(0)} s, ${seen} of them read`)
console.log('event-loop delay, ms   p50     p99     max')
console.log(row('  while training', training))
console.log(row('  at rest', rest))
console.log(
  `memory: ${warmMemory.toFixed(0)} MiB at step ${WARM}, ${endMemory.toFixed(0)} MiB at step ${STEPS}`,
)
console.log(
  JSON.stringify({
    bench: 'embedding',
    delayP99: training.p99,
    delayP99AtRest: rest.p99,
    memoryRatio: endMemory / warmMemory,
  }),
)
