import type { TrainingBatch } from './batch.ts'
import type { Loader } from './loader.ts'
import { addon, copyTensor, type NativeTensor, releaseTensor } from './native.ts'

export interface PreviewOptions {
  /** Samples to show, one a row. Default 8. */
  samples?: number
  /** Mean and deviation a channel that `Normalize` used; they are undone. Default: ImageNet's. */
  mean?: readonly number[]
  std?: readonly number[]
  /** Pixels between pictures. Default 4. */
  gap?: number
}

interface Tile {
  width: number
  height: number
  /** RGB. */
  data: Uint8Array
}

const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }

/**
 * A contact sheet of the first batch as the model gets it: one row a sample, one column a view, crop or patch.
 *
 * @returns the bytes of a PNG file
 * @throws VisslError when the batch cannot be made
 */
export async function previewSheet(loader: Loader, options: PreviewOptions = {}): Promise<Uint8Array> {
  const { samples = 8, gap = 4 } = options
  const rows: Tile[][] = []
  for await (const batch of loader.epoch(0)) {
    rows.push(...tilesOf(batch, samples - rows.length, options))
    if (rows.length >= samples) break
  }
  const columns = Math.max(...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, at) =>
    Math.max(...rows.map((row) => row[at]?.width ?? 0)),
  )
  const heights = rows.map((row) => Math.max(...row.map((tile) => tile.height)))
  const sum = (list: number[]): number => list.reduce((total, one) => total + one + gap, gap)
  const [width, height] = [sum(widths), sum(heights)]
  const sheet = new Uint8Array(width * height * 3).fill(255)
  let top = gap
  rows.forEach((row, at) => {
    let left = gap
    row.forEach((tile, column) => {
      for (let y = 0; y < tile.height; y++) {
        const line = tile.data.subarray(y * tile.width * 3, (y + 1) * tile.width * 3)
        sheet.set(line, ((top + y) * width + left) * 3)
      }
      left += widths[column]! + gap
    })
    top += heights[at]! + gap
  })
  return addon().encodePng(sheet, width, height)
}

/** The pictures of a batch, one list a sample. */
function tilesOf(batch: TrainingBatch, most: number, options: PreviewOptions): Tile[][] {
  const count = Math.min(batch.size, most)
  const hasIndices = batch.names.some((name) => name.startsWith('data_idx'))
  const rows: Tile[][] = Array.from({ length: count }, () => [])
  for (const name of batch.names.filter((one) => /^(data|data_momentum|images|patches)\./.test(one))) {
    const tensor = batch.takeMemory(name)
    const bytes = copyTensor(tensor)
    releaseTensor(tensor)
    const images = tensor.shape[0]! / (batch.size || 1)
    for (let sample = 0; sample < count; sample++) {
      for (let view = 0; view < images; view++) {
        // Collators that leave the indices out join patches image by image, the others copy by copy.
        const byImage = !hasIndices
        const at = byImage ? sample * images + view : view * batch.size + sample
        rows[sample]!.push(tileOf(tensor, new Float32Array(bytes.slice().buffer), at, options))
      }
    }
  }
  return rows
}

function tileOf(tensor: NativeTensor, values: Float32Array, at: number, options: PreviewOptions): Tile {
  const [channels, height, width] = tensor.shape.slice(-3) as [number, number, number]
  const { mean = imageNet.mean, std = imageNet.std } = options
  const [, c1, y1, x1] = tensor.strides.slice(-4) as [number, number, number, number]
  const start = at * channels * height * width
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        const lane = Math.min(c, channels - 1)
        const value = values[start + lane * c1 + y * y1 + x * x1]!
        const level =
          value * (std[Math.min(lane, std.length - 1)] ?? 1) + (mean[Math.min(lane, mean.length - 1)] ?? 0)
        data[(y * width + x) * 3 + c] = Math.max(0, Math.min(255, Math.round(level * 255)))
      }
    }
  }
  return { width, height, data }
}
