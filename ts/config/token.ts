/** What a piece of the right side of an override is, named as in Hydra's grammar. */
export type TokenType =
  | 'popen'
  | 'comma'
  | 'pclose'
  | 'listOpen'
  | 'listClose'
  | 'mapOpen'
  | 'mapClose'
  | 'colon'
  | 'equal'
  | 'float'
  | 'int'
  | 'bool'
  | 'null'
  | 'char'
  | 'id'
  | 'escape'
  | 'space'
  | 'quoted'
  | 'interpolation'

export interface Token {
  readonly type: TokenType
  readonly text: string
  /** Counts from 0. */
  readonly at: number
}

/** Thrown for text that is no value; `position` counts from 0 in the text of the value. */
export class ValueError extends Error {
  readonly position: number
  readonly fix: string | undefined

  constructor(message: string, position: number, fix?: string) {
    super(message)
    this.position = position
    this.fix = fix
  }
}

const WHOLE = '(?:0|[1-9](?:_?\\d)*)'
const POINT = `(?:(?:${WHOLE})?\\.\\d(?:_?\\d)*|${WHOLE}\\.)`
const EXPONENT = `(?:${POINT}|${WHOLE})[eE][+-]?\\d(?:_?\\d)*`

/** The longest match counts; of equally long ones the first. */
const RULES: readonly (readonly [TokenType, RegExp])[] = (
  [
    ['popen', '[ \\t]*\\([ \\t]*'],
    ['comma', '[ \\t]*,[ \\t]*'],
    ['pclose', '[ \\t]*\\)'],
    ['listOpen', '\\[[ \\t]*'],
    ['listClose', '[ \\t]*\\]'],
    ['mapOpen', '\\{[ \\t]*'],
    ['mapClose', '[ \\t]*\\}'],
    ['colon', '[ \\t]*:[ \\t]*'],
    ['equal', '[ \\t]*=[ \\t]*'],
    ['float', `[+-]?(?:${EXPONENT}|${POINT}|[Ii][Nn][Ff]|[Nn][Aa][Nn])`],
    ['int', `[+-]?${WHOLE}`],
    ['bool', '[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]'],
    ['null', '[Nn][Uu][Ll][Ll]'],
    ['char', '[/\\-\\\\+.$%*@]'],
    // Hydra has letters of ASCII only.
    ['id', '[\\p{L}\\p{M}_][\\p{L}\\p{M}\\p{N}_]*'],
    ['escape', '(?:\\\\[\\\\()[\\]{}:=, \\t])+'],
    ['space', '[ \\t]+'],
    ['quoted', `'(?:\\\\'|[^])*?'|"(?:\\\\"|[^])*?"`],
    ['interpolation', '\\$\\{[^}]+\\}'],
  ] as const
).map(([type, source]) => [type, new RegExp(source, 'uy')])

/**
 * Cuts the right side of an override into tokens, by the rules of Hydra 1.0.
 *
 * @throws ValueError at a character that no token begins with
 */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    let best: Token | undefined
    for (const [type, rule] of RULES) {
      rule.lastIndex = at
      const match = rule.exec(text)
      if (match !== null && match[0].length > (best?.text.length ?? 0)) best = { type, text: match[0], at }
    }
    if (best === undefined) throw unreadable(text, at)
    tokens.push(best)
    at += best.text.length
  }
  return tokens
}

function unreadable(text: string, at: number): ValueError {
  const char = String.fromCodePoint(text.codePointAt(at)!)
  if (char === "'" || char === '"')
    return new ValueError(
      `a closing ${char} is missing`,
      at,
      `close it, or write  \\${char}  for the character itself within quotes`,
    )
  return new ValueError(`unexpected ${JSON.stringify(char)}; put text with such characters in quotes`, at)
}
