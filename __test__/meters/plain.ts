/**
 * A value as goldens write it: `{"__dict__": [[key, value], …]}` stands for a dictionary whose keys are not strings,
 * "nan" for a number.
 */
export function plain(value: unknown): unknown {
  if (value === 'nan') return Number.NaN
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const entries = '__dict__' in value ? (value.__dict__ as [number, unknown][]) : Object.entries(value)
  return Object.fromEntries(entries.map(([key, inner]) => [key, plain(inner)]))
}
