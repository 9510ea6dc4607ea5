import { type Curve, formatRate, rangeOf } from './lr-curve.ts'

const WIDTH = 720
const HEIGHT = 360
const LEFT = 80
const RIGHT = 20
const TOP = 40
const BOTTOM = 50
const COLOURS = ['#1f6feb', '#d1242f'] as const

/** A picture of learning rates over epochs, as a file of its own. */
export function curvesToSvg(title: string, curves: readonly Curve[], epochs: number): string {
  const { low, high } = rangeOf(curves.flatMap(({ rates }) => rates))
  const x = (share: number) => LEFT + share * (WIDTH - LEFT - RIGHT)
  const y = (rate: number) => TOP + ((high - rate) / (high - low)) * (HEIGHT - TOP - BOTTOM)
  const grid = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => {
    const rate = low + share * (high - low)
    const [across, down] = [y(rate).toFixed(1), x(share).toFixed(1)]
    return [
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${across}" y2="${across}" stroke="#d0d7de"/>`,
      `<text x="${LEFT - 8}" y="${across}" text-anchor="end" dominant-baseline="middle">${formatRate(rate)}</text>`,
      `<text x="${down}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${formatRate(share * epochs)}</text>`,
    ]
  })
  const lines = curves.flatMap(({ name, rates }, i) => {
    const points = rates.map((rate, j) => `${x(j / rates.length).toFixed(1)},${y(rate).toFixed(1)}`)
    const colour = COLOURS[i % COLOURS.length]!
    const label = `<text x="${LEFT + 12 + i * 90}" y="${TOP - 10}" fill="${colour}">${escapeXml(name)}</text>`
    return [`<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`, label]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text x="${WIDTH / 2}" y="18" text-anchor="middle" font-size="14">${escapeXml(title)}</text>`,
    ...grid,
    `<text x="${WIDTH / 2}" y="${HEIGHT - 10}" text-anchor="middle">epoch</text>`,
    ...lines,
    '</svg>',
    '',
  ].join('\n')
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
