import type { Tree, Value } from './tree.ts'

/** Thrown by {@link parseValue}; `position` counts from 0 in the text of the value. */
export class ValueError extends Error {
  readonly position: number

  constructor(message: string, position: number) {
    super(message)
    this.position = position
  }
}

const NUMBER = /^[-+]?(?:\d+(?:_\d+)*)$/
const REAL =
  /^[-+]?(?:\d+(?:_\d+)*\.(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*|\d+(?:_\d+)*(?=[eE]))(?:[eE][-+]?\d+(?:_\d+)*)?$/
const BARE = /[\w/\-.$%*@:?|&!<>~^;#+ \t]/
const ESCAPABLE = '\\()[]{}:=, \t'

/**
 * Parses the right side of an override by Hydra's grammar: numbers, `true`, `null`, text bare or in quotes, `[a, b]`,
 * `{key: value}`. Empty text is the empty string.
 *
 * @throws ValueError
 */
export function parseValue(text: string): Value {
  const parser = new Parser(text)
  return parser.whole()
}

class Parser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): Value {
    this.#space()
    if (this.#at === this.#text.length) return ''
    const value = this.#value('')
    this.#space()
    if (this.#at < this.#text.length) {
      if (this.#text[this.#at] === ',') this.#fail('several values; write a list as [a,b]')
      this.#fail(
        `unexpected ${JSON.stringify(this.#text[this.#at])}; put text with such characters in quotes`,
      )
    }
    return value
  }

  /** @param stops characters that end a bare value */
  #value(stops: string): Value {
    this.#space()
    const next = this.#text[this.#at]
    if (next === '[') return this.#list()
    if (next === '{') return this.#map()
    if (next === "'" || next === '"') return this.#quoted(next)
    return this.#bare(stops)
  }

  #list(): Value[] {
    const items: Value[] = []
    this.#at++
    this.#space()
    if (this.#take(']')) return items
    for (;;) {
      items.push(this.#value(',]'))
      this.#space()
      if (this.#take(']')) return items
      if (!this.#take(',')) this.#fail('expected , or ] in a list')
    }
  }

  #map(): Tree {
    const map: Tree = {}
    this.#at++
    this.#space()
    if (this.#take('}')) return map
    for (;;) {
      this.#space()
      const next = this.#text[this.#at]
      const key = next === "'" || next === '"' ? this.#quoted(next) : this.#identifier()
      this.#space()
      if (!this.#take(':')) this.#fail('expected : after a key')
      map[key] = this.#value(',}')
      this.#space()
      if (this.#take('}')) return map
      if (!this.#take(',')) this.#fail('expected , or } in a map')
    }
  }

  #identifier(): string {
    const match = /^[\w.\-/]+/.exec(this.#text.slice(this.#at))
    if (match === null) this.#fail('expected a key')
    this.#at += match[0].length
    return match[0]
  }

  #quoted(quote: string): string {
    const start = this.#at++
    let result = ''
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at]!
      if (char === '\\' && this.#text[this.#at + 1] === quote) result += this.#text[++this.#at]
      else if (char === quote) {
        this.#at++
        return result
      } else result += char
    }
    this.#at = start
    this.#fail(`a closing ${quote} is missing`)
  }

  #bare(stops: string): Value {
    const start = this.#at
    let result = ''
    let plain = true
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at]!
      if (stops.includes(char)) break
      if (this.#text.startsWith('${', this.#at)) {
        const end = this.#text.indexOf('}', this.#at)
        if (end < 0) this.#fail('a closing } is missing')
        result += this.#text.slice(this.#at, end + 1)
        this.#at = end + 1
        plain = false
        continue
      }
      if (char === '\\' && ESCAPABLE.includes(this.#text[this.#at + 1] ?? 'x')) {
        result += this.#text[this.#at + 1]
        this.#at += 2
        plain = false
        continue
      }
      if (char !== '\\' && !BARE.test(char) && char.charCodeAt(0) < 128) break
      result += char
      this.#at++
    }
    if (plain && /^\w+\(/.test(this.#text.slice(start))) this.#fail('functions and sweeps are not supported')
    const trimmed = plain ? result.trim() : result.replace(/^[ \t]+/, '')
    if (trimmed === '') this.#fail('a value is missing')
    return plain ? scalar(trimmed) : trimmed
  }

  #space(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }

  #fail(message: string): never {
    throw new ValueError(message, this.#at)
  }
}

function scalar(text: string): Value {
  switch (text.toLowerCase()) {
    case 'null':
      return null
    case 'true':
      return true
    case 'false':
      return false
    case 'nan':
      return Number.NaN
    case 'inf':
    case '+inf':
      return Number.POSITIVE_INFINITY
    case '-inf':
      return Number.NEGATIVE_INFINITY
  }
  if (NUMBER.test(text) || REAL.test(text)) return Number(text.replaceAll('_', ''))
  return text
}
