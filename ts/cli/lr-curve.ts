import type { Schedule } from '../optim/schedules/index.ts'

/** Points of a learning-rate curve. */
export interface Curve {
  readonly name: string
  /** Rates at equal steps of training, first to last. */
  readonly rates: readonly number[]
}

/**
 * Samples a schedule at `count` equal steps of training. One that updates by epoch keeps the value of the epoch's start.
 *
 * @param epochs number of training epochs
 */
export function sampleCurve(name: string, schedule: Schedule, epochs: number, count: number): Curve {
  const rates = Array.from({ length: count }, (_, i) => {
    const where = i / count
    return schedule.at(
      schedule.updateInterval === 'step' ? where : Math.floor(where * epochs + 1e-9) / epochs,
    )
  })
  return { name, rates }
}

/** Dots of a braille character by column and row, top to bottom. */
const DOTS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const

/**
 * Draws a curve in text: `width` × `height` characters of 2 × 4 dots each, with the rates at the left and the epochs
 * below.
 */
export function drawCurve({ rates }: Curve, epochs: number, width: number, height: number): string[] {
  const { low, high } = rangeOf(rates)
  const cells = Array.from({ length: height }, () => new Array<number>(width).fill(0))
  const rowOf = (rate: number) => Math.round(((high - rate) / (high - low)) * (height * 4 - 1))
  let previous: number | undefined
  for (let x = 0; x < width * 2; x++) {
    const row = rowOf(rates[Math.min(rates.length - 1, Math.floor((x / (width * 2)) * rates.length))]!)
    // A steep part is drawn as a column of dots that touches the dot before.
    const from = previous === undefined ? row : previous + Math.sign(row - previous)
    for (let y = Math.min(from, row); y <= Math.max(from, row); y++) {
      cells[y >> 2]![x >> 1]! |= DOTS[x % 2 === 0 ? 0 : 1][(y % 4) as 0 | 1 | 2 | 3]
    }
    previous = row
  }
  const labels = cells.map((_, y) => {
    if (y === 0) return formatRate(high)
    if (y === height - 1) return formatRate(low)
    return y === (height - 1) / 2 ? formatRate((high + low) / 2) : ''
  })
  const margin = Math.max(...labels.map((label) => label.length))
  const lines = cells.map((row, y) => {
    const drawn = String.fromCodePoint(...row.map((dots) => 0x2800 + dots))
    return `${labels[y]!.padStart(margin)} ┤${drawn.replace(/\u2800+$/, '')}`
  })
  const last = `epoch ${epochs}`
  return [
    ...lines,
    `${' '.repeat(margin)} └${'─'.repeat(width)}`,
    `${' '.repeat(margin + 2)}0${last.padStart(width - 1)}`,
  ]
}

/** Lowest and highest rate, never the same. */
export function rangeOf(rates: readonly number[]): { low: number; high: number } {
  const low = Math.min(0, ...rates)
  const high = Math.max(...rates)
  return high > low ? { low, high } : { low, high: low + 1 }
}

/** Four significant digits. */
export function formatRate(rate: number): string {
  return String(Number(rate.toPrecision(4)))
}
