import type { CheckReport } from '../data/check.ts'
import type { SkippedFile } from '../data/native.ts'
import type { Style } from '../logging/style.ts'
import { columns } from './columns.ts'

/** A report on a data source as lines of text; lists are cut after `shown` lines. */
export function reportText(report: CheckReport, style: Style, shown: number): string {
  const { images, good, broken, skipped, classes, gray, bytes, duplicates } = report
  const rows: [string, string][] = [
    ['images', `${count(images)} (${size(bytes)})${gray > 0 ? `, ${count(gray)} of them gray` : ''}`],
    ['broken', broken.length > 0 ? style.red(count(broken.length)) : style.green('none')],
  ]
  if (report.smallest !== null && report.largest !== null) {
    const mean = `${Math.round(report.meanWidth)}×${Math.round(report.meanHeight)}`
    const [from, to] = [report.smallest.join('×'), report.largest.join('×')]
    rows.push(['sizes', from === to ? from : `${from} to ${to}, ${mean} on average`])
  }
  const perClass = [...report.perClass]
  if (perClass.length > 0) rows.push(['classes', classCounts(perClass, classes)])
  if (skipped.length > 0) rows.push(['no images', `${count(skipped.length)} files`])
  const twice = duplicates.reduce((sum, group) => sum + group.length - 1, 0)
  rows.push(['duplicates', twice > 0 ? style.yellow(count(twice)) : 'none'])
  const blocks = [columns(rows).join('\n')]
  blocks.push(...list('broken', broken.map(line), shown, style))
  blocks.push(...list('no images', skipped.map(line), shown, style))
  const groups = duplicates.map((group) => group.join('\n    = '))
  blocks.push(...list('duplicates', groups, shown, style))
  if (good === 0 && images > 0) blocks.push(style.red('no image can be decoded'))
  return `${blocks.join('\n\n')}\n`
}

const line = ({ path, reason }: SkippedFile): string => `${path}: ${reason}`

function list(title: string, lines: readonly string[], shown: number, style: Style): string[] {
  if (lines.length === 0) return []
  const more = lines.length > shown ? [`  … and ${count(lines.length - shown)} more (--all lists them)`] : []
  return [[style.bold(title), ...lines.slice(0, shown).map((text) => `  ${text}`), ...more].join('\n')]
}

function classCounts(perClass: readonly (readonly [number, number])[], classes: readonly string[]): string {
  const name = (label: number) => classes[label] ?? label
  const sorted = [...perClass].sort((a, b) => a[1] - b[1])
  const [least, most] = [sorted[0]!, sorted.at(-1)!]
  const empty = classes.length - perClass.length
  const without = empty > 0 ? `; ${count(empty)} without images` : ''
  const range =
    least[1] === most[1]
      ? `${count(least[1])} images each`
      : `${count(least[1])} (${name(least[0])}) to ${count(most[1])} (${name(most[0])}) images`
  return `${count(perClass.length)}, ${range}${without}`
}

const count = (value: number): string => value.toLocaleString('en-US')

function size(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB']
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}
