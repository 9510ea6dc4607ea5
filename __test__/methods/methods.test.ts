import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { distantPermutations, writeIntegers } from '../../ts/data/dataset-builders/index.ts'
import { ExitCode } from '../../ts/errors.ts'
import type { Hook } from '../../ts/train/hook.ts'
import { Stopped } from '../../ts/train/trainer.ts'
import { lossesOf } from '../cli/_process.ts'
import { methodsOf, runMethod } from './_methods.ts'

const folder = mkdtempSync(join(tmpdir(), 'vissl-methods-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

const permutations = join(folder, 'permutations.npy')
const { rows } = distantPermutations({ count: 8, patches: 9, method: 'max_avg', first: 5 })
writeIntegers(permutations, [8, 9], rows)

/** Steps of a run; in the middle of an epoch, with queues filled and momentum encoders moved, it is cut. */
const STEPS = 30
const CUT = 7
/** Steps whose mean loss is compared. */
const WINDOW = 8

const stop: Hook = {
  name: 'stop',
  onStep: (task) => {
    if (task.iteration === CUT) task.requestStop('stopped by the test', ExitCode.interrupted)
  },
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

for (const method of methodsOf(permutations)) {
  const { name, falls } = method
  test.serial(`${name} trains from its configuration, and goes on exactly where it was cut`, async (t) => {
    const cwd = mkdtempSync(join(folder, 'run-'))
    await runMethod(cwd, method, { name: 'whole' })
    const losses = lossesOf(join(cwd, 'whole'))
    const curve = [...losses.values()]
    t.is(curve.length, STEPS)
    t.true(curve.every(Number.isFinite))
    t.true(new Set(curve).size > STEPS / 2, 'the loss stands still')
    if (falls) {
      const [first, last] = [mean(curve.slice(0, WINDOW)), mean(curve.slice(-WINDOW))]
      t.true(last < first, `the loss goes from ${first} to ${last}`)
    }
    await t.throwsAsync(runMethod(cwd, method, { name: 'cut', hooks: [stop] }), { instanceOf: Stopped })
    await runMethod(cwd, method, { name: 'cut' })
    t.deepEqual(lossesOf(join(cwd, 'cut')), losses)
  })
}
