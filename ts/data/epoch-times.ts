import type { DataStats } from './native.ts'

/** What an epoch spent its time on, in seconds. `read` to `collate` are summed over the loader's threads. */
export interface EpochTimes {
  /** Since the epoch began. */
  seconds: number
  /** The part of it in which a batch was waited for. */
  wait: number
  read: number
  decode: number
  transform: number
  collate: number
  images: number
}

export function timesBetween(start: DataStats, end: DataStats, seconds: number): EpochTimes {
  return {
    seconds,
    wait: end.waitSeconds - start.waitSeconds,
    read: end.readSeconds - start.readSeconds,
    decode: end.decodeSeconds - start.decodeSeconds,
    transform: end.transformSeconds - start.transformSeconds,
    collate: end.collateSeconds - start.collateSeconds,
    images: end.images - start.images,
  }
}

const parts = {
  read: ['reading files', 'put the data on a faster disk (COPY_TO_LOCAL_DISK) or into tar shards'],
  decode: [
    'decoding',
    'use smaller images, or keep them decoded (DECODED_CACHE_MIB, or DECODED_CACHE_DISK_MIB)',
  ],
  transform: ['the transforms', 'use fewer or cheaper ones'],
  collate: ['writing tensors', 'use smaller crops'],
} as const

/**
 * One sentence on whether the loader held up training, and by what.
 *
 * @param workers the loader's threads
 */
export function describeEpoch(times: EpochTimes, workers: number): string {
  const share = times.seconds > 0 ? times.wait / times.seconds : 0
  const percent = (part: number): string => `${Math.round(part * 100)} %`
  if (share < 0.05) return `data were ready when they were needed (${percent(share)} of the epoch waited for)`
  const names = Object.keys(parts) as (keyof typeof parts)[]
  const work = names.reduce((sum, name) => sum + times[name], 0)
  const most = names.reduce((best, name) => (times[name] > times[best] ? name : best), 'read')
  const [what, advice] = parts[most]
  return `${percent(share)} of the epoch was spent waiting for data, most of it for ${what} (${percent(work > 0 ? times[most] / work : 0)} of the work of ${workers} threads): raise NUM_DATALOADER_WORKERS where there are more cores, or ${advice}`
}
