import type {
  Picture,
  ScriptSource,
  SourceFactory,
  TransformFactory,
  TransformFunction,
} from '../../ts/data/index.ts'

/** Sets every value of a picture or tensor to `value` times `times`. */
export const fill: TransformFactory = ({ value, times = 1 }): TransformFunction => {
  if (typeof value !== 'number') throw new Error('Fill: value must be a number')
  return (entry) => {
    entry.data.fill(value * Number(times))
    return entry
  }
}

/** Adds a number drawn for this sample and view to a tensor. */
export const addRandom: TransformFactory = () => (entry, random) => {
  const drawn = random.uniform(1, 2)
  for (let i = 0; i < entry.data.length; i++) entry.data[i]! += drawn
  return entry
}

/** Halves a picture: every second row and column. */
export const half: TransformFactory = () => async (entry) => {
  if (entry.kind !== 'image') throw new Error('Half takes pictures')
  const { width, height, channels } = entry
  const data = new Uint8Array((width >> 1) * (height >> 1) * channels)
  for (let y = 0; y < height >> 1; y++)
    for (let x = 0; x < width >> 1; x++)
      for (let c = 0; c < channels; c++)
        data[(y * (width >> 1) + x) * channels + c] = entry.data[(2 * y * width + 2 * x) * channels + c]!
  return { kind: 'image', width: width >> 1, height: height >> 1, channels, data }
}

/** Gives what is neither a picture nor a tensor. */
export const wrong: TransformFactory = () => () => 3 as never

/** Plain pictures whose value is their index; every fifth cannot be read. */
export const plain: SourceFactory = ({ path }): ScriptSource => ({
  length: Number(path),
  classes: ['even', 'odd'],
  label: (index) => index % 2,
  load: (index): Picture => {
    if (index % 5 === 4) throw new Error('lost')
    return { kind: 'image', width: 4, height: 4, channels: 3, data: new Uint8Array(48).fill(index) }
  },
})
