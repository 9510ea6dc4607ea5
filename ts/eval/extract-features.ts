import { join } from 'node:path'
import { setImmediate as yieldToEvents } from 'node:timers/promises'
import type { Loader } from '../data/index.ts'
import { noGrad, ops, scope, Tensor } from '../engine/index.ts'
import type { SslModel } from '../models/index.ts'
import { Sample } from '../train/sample.ts'
import { writeNpy } from './npy-writer.ts'

/** Where features go, and how they are called. */
export interface ExtractionTarget {
  readonly folder: string
  readonly split: 'train' | 'test'
  /** Place of this process in the whole run. */
  readonly rank: number
  /** Names of the outputs; none: the heads'. */
  readonly layers: readonly string[]
  /** Features held in memory before they are written as a numbered chunk; 0: all, in files without a number. */
  readonly chunkThreshold: number
}

/** What {@link extractFeatures} asks and tells. */
export interface ExtractionControl {
  readonly inputKeys: readonly string[]
  readonly targetKeys: readonly string[]
  readonly isStopped: () => boolean
  readonly progress: (done: number, total: number) => void
}

/** Rows of one output or of the labels, by index in the data set. */
type Rows<T> = Map<number, T>

/**
 * Passes a split through the model, once an image, and writes for each layer, sorted by the index in the data set,
 * `rankR_SPLIT_LAYER_features.npy` (float32 N×D, whatever the feature's shape), `…_targets.npy` (int64 N×k) and
 * `…_inds.npy` (int64 N). With a chunk threshold the names are `rankR_chunkC_SPLIT_LAYER_…npy`.
 *
 * Gradients are off and the model is in evaluation mode. A sample that the sampler repeats counts once.
 *
 * @returns the paths written; undefined when it was stopped
 */
export async function extractFeatures(
  model: SslModel,
  loader: Loader,
  target: ExtractionTarget,
  { inputKeys, targetKeys, isStopped, progress }: ExtractionControl,
): Promise<string[] | undefined> {
  model.eval()
  const written: string[] = []
  const seen = new Set<number>()
  let store = new FeatureStore()
  let chunk = 0
  const flush = (): void => {
    written.push(...store.write(target, target.chunkThreshold > 0 ? chunk++ : undefined))
    store = new FeatureStore()
  }
  let batches = 0
  for await (const batch of loader.epoch(0, 0)) {
    scope(() =>
      noGrad(() => {
        const sample = new Sample(batch)
        const indices = numbersOf(joined(sample, 'data_idx'))
        const labels = joined(sample, targetKeys[0] ?? 'label')
        const input = inputKeys.length === 1 ? joined(sample, inputKeys[0]!) : sample.input(inputKeys)
        store.add(indices, labels, model.call(input), seen)
      }),
    )
    progress(++batches, loader.batches)
    if (target.chunkThreshold > 0 && store.values >= target.chunkThreshold) flush()
    await yieldToEvents()
    if (isStopped()) return undefined
  }
  if (store.size > 0 || chunk === 0) flush()
  return written
}

/** Features and labels of images, until they are written. */
class FeatureStore {
  readonly #outputs: Rows<Float32Array>[] = []
  readonly #labels: Rows<BigInt64Array> = new Map()
  values = 0

  get size(): number {
    return this.#labels.size
  }

  add(indices: readonly number[], labels: Tensor, outputs: readonly Tensor[], seen: Set<number>): void {
    const labelRows = rowsOf<BigInt64Array>(labels.to('int64').reshape([indices.length, -1]))
    const fresh = indices.flatMap((index, row) => {
      if (seen.has(index)) return []
      seen.add(index)
      this.#labels.set(index, labelRows(row))
      return [[index, row] as const]
    })
    for (const [i, output] of outputs.entries()) {
      const rows = rowsOf<Float32Array>(
        output.to({ device: 'cpu', dtype: 'float32' }).reshape([indices.length, -1]),
      )
      this.#outputs[i] ??= new Map()
      for (const [index, row] of fresh) {
        const values = rows(row)
        this.values += values.length
        this.#outputs[i].set(index, values)
      }
    }
  }

  write({ folder, split, rank, layers }: ExtractionTarget, chunk: number | undefined): string[] {
    const order = [...this.#labels.keys()].sort((a, b) => a - b)
    const place = chunk === undefined ? `rank${rank}` : `rank${rank}_chunk${chunk}`
    return this.#outputs.flatMap((rows, i) => {
      const layer = layers[i] ?? (i === 0 ? 'heads' : `heads_${i}`)
      const path = (what: string) => join(folder, `${place}_${split}_${layer}_${what}.npy`)
      writeTable(path('features'), '<f4', order, rows)
      writeTable(path('targets'), '<i8', order, this.#labels)
      writeNpy(path('inds'), '<i8', [order.length], [BigInt64Array.from(order, BigInt)])
      return [path('features'), path('targets'), path('inds')]
    })
  }
}

function writeTable<T extends Float32Array | BigInt64Array>(
  path: string,
  type: '<f4' | '<i8',
  order: readonly number[],
  rows: Rows<T>,
): void {
  const width = rows.get(order[0] ?? -1)?.length ?? 0
  writeNpy(
    path,
    type,
    [order.length, width],
    order.map((index) => rows.get(index)!),
  )
}

/** The entries of a key, one after another. */
function joined(sample: Sample, key: string): Tensor {
  const entries = sample.entries(key).map((entry) => (entry instanceof Tensor ? entry : sample.tensor(key)))
  return entries.length === 1 ? entries[0]! : ops.cat(entries, 0)
}

const numbersOf = (indices: Tensor): number[] => Array.from(indices.reshape([-1]).toTypedArray(), Number)

/** The rows of a matrix, each a view of one copy of its elements. */
function rowsOf<T extends Float32Array | BigInt64Array>(matrix: Tensor): (row: number) => T {
  const width = matrix.shape[1] ?? 0
  const all = matrix.toTypedArray() as T
  return (row) => all.subarray(row * width, (row + 1) * width) as T
}
