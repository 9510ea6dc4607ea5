import { type Token, ValueError } from './token.ts'
import type { Written } from './value.ts'

const SWEEPS = ['choice', 'range', 'interval', 'glob', 'tag', 'shuffle', 'sort']

/** Casts of Hydra's grammar, for one value that is no list or map. */
const CASTS: Readonly<Record<string, (value: Written & { value: unknown }) => Written | undefined>> = {
  int: ({ kind, value }) => {
    if (typeof value === 'boolean') return { kind: 'int', value: Number(value) }
    if (typeof value === 'string' && !/^\s*[-+]?\d+(_\d+)*\s*$/.test(value)) return undefined
    const number = Math.trunc(Number(String(value).replaceAll('_', '')))
    return value === null || !Number.isFinite(number) || kind === undefined
      ? undefined
      : { kind: 'int', value: number }
  },
  float: ({ value }) => {
    if (value === null) return undefined
    const text = String(value).trim().replaceAll('_', '')
    const special = /^([-+]?)(inf|infinity|nan)$/i.exec(text)
    if (special !== null) {
      const size = special[2]!.toLowerCase() === 'nan' ? Number.NaN : Number.POSITIVE_INFINITY
      return { kind: 'float', value: special[1] === '-' ? -size : size }
    }
    if (typeof value === 'string' && !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) return undefined
    return { kind: 'float', value: Number(value === 'string' ? text : Number(text)) }
  },
  str: ({ kind, value }) => {
    if (value === null) return undefined
    if (typeof value !== 'number') return { kind: 'text', value: String(value) }
    return { kind: 'text', value: kind === 'float' ? pythonFloat(value) : String(value) }
  },
  bool: ({ value }) => {
    if (value === null) return undefined
    if (typeof value !== 'string') return { kind: 'word', value: Number.isNaN(value) || Boolean(value) }
    const word = value.toLowerCase()
    return word === 'true' || word === 'false' ? { kind: 'word', value: word === 'true' } : undefined
  },
}

/**
 * Calls a function of the override grammar: `int`, `float`, `str` and `bool` cast a value, or each one of a list or map.
 *
 * @throws ValueError for other functions, and values that cannot be cast
 */
export function call(name: Token, given: readonly Written[]): Written {
  const cast = Object.hasOwn(CASTS, name.text) ? CASTS[name.text] : undefined
  if (cast === undefined) {
    const reason = SWEEPS.includes(name.text)
      ? `${name.text}(…) runs several configurations in turn, which vissl does not`
      : `there is no function ${name.text}`
    throw new ValueError(reason, name.at, `write the value, or text in quotes`)
  }
  const [value, ...others] = given
  if (value === undefined || others.length > 0) {
    throw new ValueError(`${name.text}(…) takes one value`, name.at)
  }
  const apply = (written: Written): Written => {
    if (written.kind === 'list') return { kind: 'list', items: written.items.map(apply) }
    if (written.kind === 'map') {
      return { kind: 'map', entries: written.entries.map(([key, item]) => [key, apply(item)]) }
    }
    const result = cast(written)
    if (result === undefined)
      throw new ValueError(`${name.text}(…) cannot take ${JSON.stringify(written.value)}`, name.at)
    return result
  }
  return apply(value)
}

/** A float as Python prints it. */
function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return value.toExponential().replace(/e([-+])(\d)$/, 'e$10$2')
  }
  return Number.isInteger(value) ? `${value}.0` : String(value)
}
