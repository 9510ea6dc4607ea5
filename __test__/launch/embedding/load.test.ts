import { copyFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { dictAt, fromStored } from '../../../ts/checkpoint/contents.ts'
import { newestCheckpoint } from '../../../ts/checkpoint/names.ts'
import { loadTorchFile } from '../../../ts/checkpoint/torch-file.ts'
import { composeConfig } from '../../../ts/config/index.ts'
import { noGrad, scope, stats, tensor } from '../../../ts/engine/index.ts'
import { ExitCode, VisslError } from '../../../ts/errors.ts'
import { load } from '../../../ts/launch/embedding/load.ts'
import { SslModel } from '../../../ts/models/index.ts'
import type { StateDict } from '../../../ts/nn/index.ts'
import { runTiny, tiny } from '../../train/_run.ts'
import { png } from '../_images.ts'

/** Crop of the tiny run, and side of the images. */
const SIDE = 16
const folder = mkdtempSync(join(tmpdir(), 'vissl-load-'))
const run = join(folder, 'runs/tiny-1')
const files = Array.from({ length: 7 }, (_, i) => join(folder, `${i}.png`))

test.before(async () => {
  for (const [i, file] of files.entries()) writeFileSync(file, png(SIDE, i))
  await runTiny(folder, { overrides: ['config.OPTIMIZER.num_epochs=1'] })
})
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

const row = (vectors: Float32Array, width: number, i: number) => vectors.slice(i * width, (i + 1) * width)

function assertClose(t: { true(value: boolean, message: string): void }, a: Float32Array, b: Float32Array) {
  const worst = Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))
  t.true(a.length === b.length && worst < 1e-5, `${a.length} and ${b.length} values, ${worst} apart`)
}

/** The vector of `png(SIDE, seed)` by hand: weights from the file, pixels from their formula. */
function expected(seed: number): Float32Array {
  const { config } = composeConfig({ overrides: tiny, cwd: folder })
  return scope(() => {
    const model = new SslModel(config.MODEL)
    const path = newestCheckpoint(join(run, 'checkpoints'))!
    const saved = dictAt(loadTorchFile(path), ['classy_state_dict', 'base_model', 'model'], path)
    const stateOf = (name: string) => fromStored(saved[name]!) as StateDict
    model.loadSplitState({ trunk: stateOf('trunk'), heads: stateOf('heads') })
    model.eval()
    const plane = Array.from({ length: SIDE }, (_, y) =>
      Array.from({ length: SIDE }, (_, x) => {
        const value = (x * (seed + 3) * 7 + y * (seed + 1) * 11) % 256
        return (value / 255 - 0.286) / 0.353
      }),
    )
    const [output] = noGrad(() => model.call(tensor([[plane, plane, plane]])))
    const result = Float32Array.from(output!.toTypedArray() as Float32Array)
    model.free()
    return result
  })
}

test.serial('vectors are the output of the trained model, in the order of the files', async (t) => {
  using model = await load(run)
  t.is(model.width, 16)
  const vectors = await model.embed(files)
  t.true(vectors instanceof Float32Array)
  t.is(vectors.length, 7 * 16)
  for (const i of [0, 3, 6]) assertClose(t, row(vectors, 16, i), expected(i))
  const mixed = await model.embed([files[5]!, files[2]!, files[5]!], { batchSize: 2 })
  for (const [i, file] of [5, 2, 5].entries()) assertClose(t, row(mixed, 16, i), row(vectors, 16, file))
  t.deepEqual(await model.embed([]), new Float32Array())
})

test.serial('passes at once do not disturb each other, and leave no tensors', async (t) => {
  const before = stats().tensors
  {
    using model = await load(newestCheckpoint(join(run, 'checkpoints')))
    const [a, b] = await Promise.all([
      model.embed(files, { batchSize: 3 }),
      model.embed([...files].reverse(), { batchSize: 2 }),
    ])
    for (const i of files.keys()) assertClose(t, row(a, 16, i), row(b, 16, 6 - i))
  }
  t.is(stats().tensors, before)
})

test.serial('features of the trunk: maps are averaged, and heads are not needed', async (t) => {
  using whole = await load(run)
  using trunk = await load(run, { layer: 'res5' })
  t.is(trunk.width, 32)
  const [wanted, pooled] = [
    await whole.embed(files, { layer: 'res5' }),
    await whole.embed(files, { layer: 'res5avg' }),
  ]
  assertClose(t, await trunk.embed(files), wanted)
  assertClose(t, pooled, wanted)
  t.is((await trunk.embed(files, { layer: 'res4' })).length, 7 * 16)
  const error = await t.throwsAsync(whole.embed(files, { layer: 'res6' }), { instanceOf: VisslError })
  t.regex(error.message, /no feature "res6"; did you mean/)
  await t.throwsAsync(load(run, { layer: 'res6' }), { message: /no feature "res6"/ })
})

test.serial('images of any size are made to fit', async (t) => {
  const large = join(folder, 'large.png')
  writeFileSync(large, png(50, 1))
  using model = await load(run)
  const vectors = await model.embed([files[0]!, large])
  assertClose(t, row(vectors, 16, 0), expected(0))
  using own = await load(run, { transforms: [{ name: 'Resize', size: [20, 24] }, { name: 'ToTensor' }] })
  t.is((await own.embed([large])).length, 16)
})

test.serial('files that are missing or broken are named', async (t) => {
  using model = await load(run)
  const [broken, cut] = [join(folder, 'broken.jpg'), join(folder, 'cut.png')]
  writeFileSync(broken, 'no image')
  writeFileSync(cut, png(SIDE, 1).subarray(0, 60))
  const error = await t.throwsAsync(model.embed([...files, broken, cut]), { instanceOf: VisslError })
  t.is(error.exitCode, ExitCode.data)
  t.regex(error.message, /^2 of 9 files cannot be decoded:\n {2}.*broken\.jpg: .*\n {2}.*cut\.png: /)
  const missing = Array.from({ length: 12 }, (_, i) => join(folder, `none-${i}.png`))
  await t.throwsAsync(model.embed([...files, ...missing]), {
    message: /^12 of 19 files are not there:\n {2}.*none-0\.png\n[\s\S]*none-9\.png\n {2}and 2 more$/,
  })
  await t.throwsAsync(model.embed([folder]), { message: /1 of 1 files are not there/ })
  await t.throwsAsync(model.embed('a.png' as never), { message: /not given a list/ })
  await t.throwsAsync(model.embed([7] as never), { message: /files\[0\] is no path/ })
  await t.throwsAsync(model.embed(files, { batchSize: 0 }), { message: /batchSize is 0/ })
})

test.serial('a model that was freed says so', async (t) => {
  const model = await load(run)
  const embedding = model.embed(files, { batchSize: 1 })
  model.free()
  model.free()
  await t.throwsAsync(embedding, { message: 'the model has been freed' })
  await t.throwsAsync(model.embed(files), { message: 'the model has been freed' })
})

test.serial('what cannot be loaded says why', async (t) => {
  const before = stats().tensors
  const fails = async (from: string | undefined, options: Parameters<typeof load>[1], message: RegExp) => {
    const error = await t.throwsAsync(load(from, options), { instanceOf: VisslError, message })
    t.truthy(error.fix)
  }
  await fails(undefined, {}, /there is no checkpoint to load/)
  await fails(join(folder, 'none'), {}, /there is no .*none/)
  await fails(folder, {}, /holds no checkpoint/)
  const other = join(folder, 'other')
  mkdirSync(other)
  const file = join(other, 'model.torch')
  copyFileSync(newestCheckpoint(join(run, 'checkpoints'))!, file)
  await fails(file, {}, /has no train_config\.yaml that says what model model\.torch is/)
  await fails(file, { config: 'quickstart' }, /weights of other shapes/)
  await fails(file, { config: 'quickstat' }, /there is no configuration config=quickstat/)
  {
    using model = await load(file, { config: join(run, 'train_config.yaml') })
    assertClose(t, await model.embed(files.slice(0, 1)), expected(0))
  }
  truncateSync(file, 1000)
  await fails(file, { config: join(run, 'train_config.yaml') }, /model\.torch/)
  t.is(stats().tensors, before)
})
