import { noGrad, ops, scope, type Tensor, tensor } from '../engine/index.ts'
import type { Pixels } from '../logging/index.ts'

/** How `Normalize` shifted and scaled the channels. */
export interface Normalisation {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** The last `Normalize` among transforms; undefined where images are not normalised. */
export function normalisationOf(
  transforms: readonly Readonly<Record<string, unknown>>[],
): Normalisation | undefined {
  const found = transforms.findLast(({ name }) => name === 'Normalize')
  return found === undefined ? undefined : { mean: found.mean as number[], std: found.std as number[] }
}

/**
 * Images side by side: one row for each view, one column for each image.
 *
 * @param images V·B×C×H×W, view by view: all first views, then all second ones; C is 1 or 3
 * @param views V
 * @param columns most images shown
 */
export function viewGrid(
  images: Tensor,
  views: number,
  columns: number,
  normalisation: Normalisation | undefined,
): Pixels {
  const [rows = 0, channels = 0, height = 0, width = 0] = images.shape
  const count = Math.min(columns, Math.floor(rows / views))
  return noGrad(() =>
    scope(() => {
      const shown = images
        .detach()
        .reshape([views, rows / views, channels, height, width])
        .narrow(1, 0, count)
        .to({ device: 'cpu', dtype: 'float32' })
      const colours = normalisation === undefined ? shown : restore(shown, normalisation, channels)
      const kept = channels === 3 ? colours : colours.narrow(2, 0, 1)
      // View, image, channel, y, x become view, y, image, x, channel.
      const bytes = kept.clamp(0, 1).mul(255).round().to('uint8').permute([0, 3, 1, 4, 2]).contiguous()
      return {
        width: count * width,
        height: views * height,
        channels: channels === 3 ? 3 : 1,
        data: bytes.toBytes(),
      }
    }),
  )
}

function restore(images: Tensor, { mean, std }: Normalisation, channels: number): Tensor {
  const perChannel = (values: readonly number[]): Tensor => {
    const all = Array.from({ length: channels }, (_, c) => values[c % values.length] ?? 0)
    return tensor(all).reshape([channels, 1, 1])
  }
  return ops.addcmul(perChannel(mean), images, perChannel(std))
}
