import { ExitCode, VisslError } from '../errors.ts'

/** One thing wrong with a configuration. */
export interface Mistake {
  readonly message: string
  readonly fix: string
}

/** One error for all mistakes, so that they can be corrected together. */
export function errorOf(mistakes: readonly Mistake[]): VisslError {
  const [first] = mistakes
  if (mistakes.length === 1 && first !== undefined)
    return new VisslError(ExitCode.usage, first.message, first.fix)
  const list = mistakes.map(({ message, fix }) => `\n  • ${indent(message)}\n      fix: ${indent(fix)}`)
  return new VisslError(ExitCode.usage, `${mistakes.length} mistakes in the configuration${list.join('')}`)
}

function indent(text: string): string {
  return text.replaceAll('\n', '\n    ')
}

/** A VisslError as a mistake among others; anything else is thrown on. */
export function mistakeOf(error: unknown): Mistake {
  if (!(error instanceof VisslError)) throw error
  return { message: error.message, fix: error.fix ?? '' }
}

/** A value as it is shown in a message. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value)
  const short = text.length > 60 ? `${text.slice(0, 57)}…` : text
  if (typeof value === 'string') return `${short} (text)`
  if (Array.isArray(value)) return `${short} (a list)`
  return typeof value === 'object' && value !== null ? `${short} (a map)` : short
}
