import { ExitCode, VisslError } from '../errors.ts'
import type { Path, Value } from './tree.ts'
import { parseValue, ValueError } from './value.ts'

/** What an override does with its key. */
export type OverrideMode = 'set' | 'add' | 'force' | 'delete'

/** One override of the command line. */
export interface Override {
  /** As written. */
  readonly text: string
  readonly mode: OverrideMode
  /** As written, without prefix: `config/a/b` or `config.A.B`. */
  readonly key: string
  readonly path: Path
  /** `undefined` for `~key`. */
  readonly value: Value | undefined
}

const MODES: Record<string, OverrideMode> = { '++': 'force', '+': 'add', '~': 'delete', '': 'set' }

/**
 * Parses `key=value`, `+key=value`, `++key=value`, `~key` and `~key=value`.
 *
 * @throws VisslError
 */
export function parseOverride(text: string): Override {
  const match = /^(\+\+|\+|~|)([^=]*?)(?:(=)([\s\S]*))?$/.exec(text)!
  const [, prefix = '', rawKey = '', equals, rawValue = ''] = match
  const key = rawKey.trim()
  const mode = MODES[prefix]!
  if (key === '') throw bad(text, 'the key is missing', 'write  config.KEY=VALUE')
  if (equals === undefined && mode !== 'delete')
    throw bad(text, 'there is no =', `write  ${prefix}${key}=VALUE`)
  const index = /^(.*)\[(\d+)\](.*)$/.exec(key)
  if (index !== null) {
    throw bad(text, 'list elements are written with a dot', `write  ${index[1]}.${index[2]}${index[3]}=…`)
  }
  const path = key.split(key.includes('/') ? '/' : '.')
  if (path.some((part) => part === '' || !/^[^\s:{}()'"\\,]+$/.test(part))) {
    throw bad(text, `"${key}" is no valid key`, 'keys are names joined by dots: config.OPTIMIZER.num_epochs')
  }
  if (equals === undefined) return { text, mode, key, path, value: undefined }
  try {
    return { text, mode, key, path, value: parseValue(rawValue) }
  } catch (error) {
    if (!(error instanceof ValueError)) throw error
    const at = text.length - rawValue.length + error.position
    throw new VisslError(
      ExitCode.usage,
      `cannot read the override: ${error.message}\n    ${text}\n    ${' '.repeat(at)}^`,
      "put text with special characters in quotes, and the whole override in the shell's: 'config.A=\"x=y\"'",
    )
  }
}

function bad(text: string, problem: string, fix: string): VisslError {
  return new VisslError(ExitCode.usage, `cannot read the override "${text}": ${problem}`, fix)
}
