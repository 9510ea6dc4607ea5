import type { Value } from './tree.ts'

/**
 * A configuration as strict JSON. JSON has no infinite numbers and no NaN: they become the texts `.inf`, `-.inf` and
 * `.nan`, as YAML writes them.
 */
export function toJson(value: Value, indent?: number): string {
  return JSON.stringify(value, (_, item: unknown) => nameOf(item), indent)
}

function nameOf(item: unknown): unknown {
  if (typeof item !== 'number' || Number.isFinite(item)) return item
  if (Number.isNaN(item)) return '.nan'
  return item > 0 ? '.inf' : '-.inf'
}
