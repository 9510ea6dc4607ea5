import { join } from 'node:path'
import type { Config } from '../config/index.ts'
import { userCache } from '../data/index.ts'
import { broadcastText, rank, worldGroup } from '../distributed/index.ts'
import { computeThreads } from '../engine/index.ts'
import { chooseMemoryFormat, describeFormat, type InputShapes } from '../models/index.ts'
import { inputShapes } from './input-shapes.ts'

type Format = 'contiguous' | 'channels_last'

/** Pixels of the images that are timed: two of 224×224. */
const PIXELS = 2 * 224 * 224

/**
 * What `MACHINE.MEMORY_FORMAT: auto` means here: the format in which the trunk is faster, measured once on a machine and
 * remembered in the user's cache, so that further runs give the same numbers. Channels last where the size of the images
 * is not known beforehand. All processes follow the first.
 *
 * @param say told what was measured
 */
export function memoryFormatOf(config: Config, say: (message: string) => void): Format {
  const wanted = config.MACHINE.MEMORY_FORMAT
  if (wanted !== 'auto') return wanted
  const group = worldGroup()
  const chosen = rank() === 0 ? measured(config, say) : ''
  return broadcastText(group, chosen) === 'contiguous' ? 'contiguous' : 'channels_last'
}

function measured(config: Config, say: (message: string) => void): Format {
  const split = config.TEST_ONLY ? config.DATA.TEST : config.DATA.TRAIN
  const [batch, channels, height, width] = firstOf(inputShapes(split, split.BATCHSIZE_PER_REPLICA))
  if (batch === undefined || channels === undefined || height === undefined || width === undefined)
    return 'channels_last'
  if (config.MACHINE.THREADS > 0) computeThreads(config.MACHINE.THREADS)
  const images = Math.max(1, Math.min(batch, Math.floor(PIXELS / (height * width))))
  const file = join(userCache(), 'memory-formats.json')
  const choice = chooseMemoryFormat(config.MODEL, [images, channels, height, width], file)
  say(`memory   ${describeFormat(choice)}`)
  return choice.format
}

/** The shape of the only tensor or of the first crop; empty where there is none. */
function firstOf(shapes: InputShapes | undefined): readonly number[] {
  if (!Array.isArray(shapes)) return []
  const [first] = shapes as readonly (number | readonly number[])[]
  return typeof first === 'number' ? (shapes as readonly number[]) : (first ?? [])
}
