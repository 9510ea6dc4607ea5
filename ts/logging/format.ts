/** A duration for people: `14 s`, `1 min 05 s`, `3 h 10 min`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–'
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1000))} ms`
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`
  const minutes = Math.round(whole / 60)
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`
}

/** A remaining time, short: `0:07`, `1:40`, `2:03:04`. */
export function formatClock(seconds: number): string {
  if (!Number.isFinite(seconds)) return '-:--'
  const whole = Math.max(0, Math.round(seconds))
  const minutes = Math.floor(whole / 60)
  const rest = pad(whole % 60)
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${rest}`
}

/** Whole seconds as Python prints a timedelta: `0:00:07`, `1 day, 2:03:04`. */
export function formatTimedelta(seconds: number): string {
  const whole = Math.max(0, Math.trunc(seconds))
  const days = Math.floor(whole / 86400)
  const time = `${Math.floor((whole % 86400) / 3600)}:${pad(Math.floor((whole % 3600) / 60))}:${pad(whole % 60)}`
  return days === 0 ? time : `${days} day${days === 1 ? '' : 's'}, ${time}`
}

/** A whole number with separators: `60,000`. */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** A count of parameters: `0.7 M`, `23.5 M`, `12 k`. */
export function formatMillions(value: number): string {
  if (value >= 1e5) return `${(value / 1e6).toFixed(1)} M`
  return value >= 1000 ? `${Math.round(value / 1000)} k` : String(value)
}

/** A share of 1 as a percentage: `69.2 %`. */
export function formatPercent(share: number, decimals = 1): string {
  return `${(share * 100).toFixed(decimals)} %`
}

/** A number with few significant digits, never in exponent form for everyday sizes: `4.71`, `0.21`, `6e-7`. */
export function formatNumber(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return String(value)
  return String(Number(value.toPrecision(digits)))
}

/** Rounds to a number of decimals. */
export function roundTo(value: number, decimals: number): number {
  return Number.isFinite(value) ? Number(value.toFixed(decimals)) : value
}

/** A bar of `width` characters, in eighths. */
export function formatBar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8)
  const full = Math.floor(eighths / 8)
  const part = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][eighths % 8]!
  return `${'█'.repeat(full)}${part}`.padEnd(width)
}

/** A table with aligned columns; the first column to the left, the others to the right. */
export function formatTable(rows: readonly (readonly string[])[], gap = '  '): string {
  const widths: number[] = []
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join(gap)
        .trimEnd(),
    )
    .join('\n')
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}
