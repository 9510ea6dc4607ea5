import { call } from './functions.ts'
import { type Token, type TokenType, tokenize, ValueError } from './token.ts'
import { define, type Tree, type Value } from './tree.ts'

export { ValueError } from './token.ts'

/** Lists and maps may stand in one another this deep. */
const MAX_DEPTH = 64

/** A value as it was written; Python tells `1.0` from `1`, and text in quotes from bare text. */
export type Written =
  | { readonly kind: 'list'; readonly items: readonly Written[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [string, Written])[] }
  | { readonly kind: 'float' | 'int' | 'text' | 'word'; readonly value: null | boolean | number | string }

const PRIMITIVE: ReadonlySet<TokenType> = new Set([
  'id',
  'null',
  'int',
  'float',
  'bool',
  'interpolation',
  'char',
  'colon',
  'escape',
  'space',
])

/**
 * Parses the right side of an override by Hydra's grammar: numbers, `true`, `null`, text bare or in quotes, `[a, b]`,
 * `{key: value}`, casts as `str(1)`. Empty text is the empty string. Beyond Hydra: keys of maps may be in quotes, bare
 * text may have letters of any alphabet, and space may follow any value.
 *
 * @throws ValueError
 */
export function parseValue(text: string): Value {
  const tokens = tokenize(text.replace(/^[ \t]+/, ''))
  if (tokens.length === 0) return ''
  try {
    return plain(new Parser(tokens).whole())
  } catch (error) {
    if (!(error instanceof ValueError)) throw error
    const skipped = text.length - text.replace(/^[ \t]+/, '').length
    throw new ValueError(error.message, error.position + skipped, error.fix)
  }
}

/** The value without how it was written. */
export function plain(written: Written): Value {
  if (written.kind === 'list') return written.items.map(plain)
  if (written.kind !== 'map') return written.value
  const map: Tree = {}
  for (const [key, value] of written.entries) define(map, key, plain(value))
  return map
}

class Parser {
  readonly #tokens: readonly Token[]
  #next = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  whole(): Written {
    const value = this.#element(0)
    if (this.#is('space')) this.#next++
    const rest = this.#tokens[this.#next]
    if (rest === undefined) return value
    if (rest.type === 'comma') {
      const text = this.#tokens.map((token) => token.text).join('')
      throw new ValueError('several values', rest.at, `write the list  [${text}]  or the text  '${text}'`)
    }
    throw this.#unexpected()
  }

  #element(depth: number): Written {
    if (depth > MAX_DEPTH) throw new ValueError(`lists and maps nest deeper than ${MAX_DEPTH}`, this.#at())
    if (this.#is('listOpen')) return this.#list(depth)
    if (this.#is('mapOpen')) return this.#map(depth)
    if (this.#is('quoted')) return { kind: 'text', value: unquote(this.#take().text) }
    if (this.#is('id') && this.#tokens[this.#next + 1]?.type === 'popen') return this.#function(depth)
    return this.#primitive()
  }

  #list(depth: number): Written {
    const items: Written[] = []
    this.#take()
    while (!this.#is('listClose')) {
      if (items.length > 0) this.#expect('comma', ', or ] in a list')
      items.push(this.#element(depth + 1))
    }
    this.#take()
    return { kind: 'list', items }
  }

  #map(depth: number): Written {
    const entries: [string, Written][] = []
    this.#take()
    while (!this.#is('mapClose')) {
      if (entries.length > 0) this.#expect('comma', ', or } in a map')
      const key = this.#is('quoted') ? unquote(this.#take().text) : this.#expect('id', 'a name as key').text
      this.#expect('colon', `: after the key ${key}`)
      entries.push([key, this.#element(depth + 1)])
    }
    this.#take()
    return { kind: 'map', entries }
  }

  #function(depth: number): Written {
    const name = this.#take()
    this.#take()
    const given: Written[] = []
    while (!this.#is('pclose')) {
      if (given.length > 0) this.#expect('comma', ', or ) after an argument')
      if (this.#is('id') && this.#tokens[this.#next + 1]?.type === 'equal') {
        const argument = this.#take()
        if (argument.text !== 'value') throw new ValueError(`no argument ${argument.text}`, argument.at)
        this.#take()
      }
      given.push(this.#element(depth + 1))
    }
    this.#take()
    return call(name, given)
  }

  #primitive(): Written {
    const tokens: Token[] = []
    while (PRIMITIVE.has(this.#tokens[this.#next]?.type ?? 'comma')) tokens.push(this.#take())
    if (tokens[0]?.type === 'space') tokens.shift()
    if (tokens.at(-1)?.type === 'space') tokens.pop()
    const [first, ...others] = tokens
    if (first === undefined) throw this.#unexpected()
    if (others.length > 0) return { kind: 'word', value: tokens.map(unescaped).join('') }
    if (first.type === 'int' || first.type === 'float')
      return { kind: first.type, value: numberOf(first.text) }
    if (first.type === 'null') return { kind: 'word', value: null }
    if (first.type === 'bool') return { kind: 'word', value: first.text.toLowerCase() === 'true' }
    return { kind: 'word', value: unescaped(first) }
  }

  #is(type: TokenType): boolean {
    return this.#tokens[this.#next]?.type === type
  }

  #take(): Token {
    return this.#tokens[this.#next++]!
  }

  #expect(type: TokenType, wanted: string): Token {
    if (this.#is(type)) return this.#take()
    throw new ValueError(
      `expected ${wanted}`,
      this.#at(),
      'close every bracket; put text with brackets in quotes',
    )
  }

  #at(): number {
    const last = this.#tokens.at(-1)!
    return this.#tokens[this.#next]?.at ?? last.at + last.text.length
  }

  #unexpected(): ValueError {
    const token = this.#tokens[this.#next]
    if (token === undefined) return new ValueError('a value is missing', this.#at())
    return new ValueError(
      `unexpected ${JSON.stringify(token.text.trim())}; put text with such characters in quotes`,
      token.at + token.text.length - token.text.trimStart().length,
    )
  }
}

function unescaped({ type, text }: Token): string {
  return type === 'escape' ? text.replace(/\\(.)/gs, '$1') : text
}

function unquote(text: string): string {
  const quote = text[0]!
  return text.slice(1, -1).replaceAll(`\\${quote}`, quote)
}

function numberOf(text: string): number {
  const word = /inf|nan/i.exec(text)?.[0].toLowerCase()
  if (word === 'nan') return Number.NaN
  if (word === 'inf') return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return Number(text.replaceAll('_', ''))
}
