import test from 'ava'
import type { TrainingBatch } from '../../ts/data/index.ts'
import { ops, scope, Tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { Sample } from '../../ts/train/sample.ts'

/** A batch with these tensors, in this order; each can be taken once. */
function batchOf(shapes: Readonly<Record<string, number[]>>): TrainingBatch {
  const left = new Map(Object.entries(shapes))
  const batch = {
    get names() {
      return [...left.keys()]
    },
    take(name: string) {
      const shape = left.get(name)
      if (shape === undefined) throw new Error(`${name} was taken`)
      left.delete(name)
      return ops.zeros(shape)
    },
  }
  return batch as unknown as TrainingBatch
}

const shapeOf = (entry: unknown): unknown =>
  entry instanceof Tensor ? entry.shape : Array.isArray(entry) ? entry.map(shapeOf) : entry

test('one tensor, the crops of one entry, a map of several keys', (t) => {
  scope(() => {
    const plain = new Sample(batchOf({ 'data.0': [4, 3, 8, 8], 'label.0': [4] }))
    t.deepEqual(shapeOf(plain.input(['data'])), [4, 3, 8, 8])
    t.deepEqual(shapeOf(plain.target(['label'])), [4])

    const crops = new Sample(
      batchOf({
        'data.0.0': [2, 3, 8, 8],
        'data.0.1': [2, 3, 8, 8],
        'data.0.2': [2, 3, 4, 4],
        'label.0': [6],
      }),
    )
    t.deepEqual(shapeOf(crops.input(['data'])), [
      [2, 3, 8, 8],
      [2, 3, 8, 8],
      [2, 3, 4, 4],
    ])
    t.throws(() => crops.tensor('data'), { instanceOf: VisslError, message: /3 crops/ })

    const several = new Sample(
      batchOf({ 'images.0': [2, 3, 8, 8], 'patches.0': [18, 3, 4, 4], 'label.0': [2], 'data_idx.0': [2] }),
    )
    const input = several.input(['images', 'patches']) as Record<string, Tensor>
    t.deepEqual(
      Object.entries(input).map(([key, tensor]) => [key, tensor.shape]),
      [
        ['images', [2, 3, 8, 8]],
        ['patches', [18, 3, 4, 4]],
      ],
    )
    t.deepEqual(Object.keys(several.target(['label', 'data_idx'])), ['label', 'data_idx'])
    t.deepEqual(several.keys.sort(), ['data_idx', 'images', 'label', 'patches'])
  })
})

test('a tensor is taken when it is asked for, and once', (t) => {
  scope(() => {
    const batch = batchOf({ 'data.0': [1, 3, 2, 2], 'data_momentum.0': [1, 3, 2, 2] })
    const sample = new Sample(batch)
    t.is(sample.tensor('data'), sample.tensor('data'))
    t.deepEqual(batch.names, ['data_momentum.0'])
  })
})

test('what a step cannot take says what to change', (t) => {
  scope(() => {
    const sample = new Sample(batchOf({ 'data.0': [2, 3, 4, 4], 'data.1': [2, 3, 4, 4], 'label.0': [2] }))
    const multiModal = t.throws(() => sample.input(['data']), { instanceOf: VisslError })
    t.regex(multiModal.message, /2 entries of "data", and a train step takes one/)
    t.regex(multiModal.fix!, /simclr_collator/)
    const unknown = t.throws(() => sample.input(['image']), { instanceOf: VisslError })
    t.regex(unknown.message, /no "image"/)
    t.regex(unknown.fix!, /it has data, label/)
  })
})
