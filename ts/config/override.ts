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
  /** As written, without prefix and package: `config/a/b` or `config.A.B`. */
  readonly key: string
  readonly path: Path
  /** Where a file's keys are put: `pkg` of `group@pkg=file`. */
  readonly package: string | undefined
  /** `undefined` for `~key`. */
  readonly value: Value | undefined
}

/** Whether keys can be put there: names joined by dots, `_global_` and such. */
export function isValidPackage(name: string): boolean {
  return /^[\w/]+(\.[\w/]+)*$/.test(name)
}

/** Longest override that is read, in characters. */
const MAX_LENGTH = 1_000_000

const MODES: Readonly<Record<string, OverrideMode>> = { '++': 'force', '+': 'add', '~': 'delete', '': 'set' }
const ID = '[A-Za-z_][A-Za-z0-9_]*'
const PART = `(?:${ID}|0|[1-9](?:_?\\d)*)`
const PACKAGE = `(?:${PART}(?:\\.${PART})+|${ID})`
const KEY = new RegExp(`^(?:${PACKAGE}|${ID}(?:/${ID})+)$`)
const PACKAGE_ONLY = new RegExp(`^${PACKAGE}$`)

/**
 * Parses `key=value`, `+key=value`, `++key=value`, `~key` and `~key=value`; a key is `config.A.B`, `config/a/b` or
 * `config/a/b@package`.
 *
 * @throws VisslError
 */
export function parseOverride(text: string): Override {
  if (text.length > MAX_LENGTH) {
    throw bad(`${text.slice(0, 40)}…`, `it has ${text.length} characters`, 'write it into a file')
  }
  const match = /^(\+\+|\+|~|)([^=]*)(?:(=)([\s\S]*))?$/.exec(text)!
  const [, prefix = '', name = '', equals, rawValue = ''] = match
  const mode = MODES[prefix]!
  if (name.trim() === '') throw bad(text, 'the key is missing', 'write  config.KEY=VALUE')
  if (name.startsWith('-')) throw bad(text, 'it is no option of this command', '`--help` lists the options')
  if (equals === undefined && mode !== 'delete')
    throw bad(text, 'there is no =', `write  ${prefix}${name.trim()}=VALUE`)
  const { key, pack } = split(text, name)
  const override = { text, mode, key, path: key.split(/[./]/), package: pack }
  if (equals === undefined) return { ...override, value: undefined }
  try {
    return { ...override, value: parseValue(rawValue) }
  } catch (error) {
    if (!(error instanceof ValueError)) throw error
    throw new VisslError(
      ExitCode.usage,
      `cannot read the override: ${error.message}\n${mark(text, text.length - rawValue.length + error.position)}`,
      error.fix ??
        "put text with special characters in quotes, and the whole override in the shell's: 'config.A=\"x=y\"'",
    )
  }
}

function split(text: string, name: string): { key: string; pack: string | undefined } {
  const [key = '', pack, ...more] = name.split('@')
  if (KEY.test(key) && (pack === undefined || PACKAGE_ONLY.test(pack)) && more.length === 0) {
    return { key, pack }
  }
  if (pack?.includes(':') === true) {
    throw bad(text, 'a package is not renamed', `write  +${key}@${pack.slice(pack.indexOf(':') + 1)}=NAME`)
  }
  const index = /^(.*)\[(\d+)\](.*)$/.exec(name)
  if (index !== null) {
    throw bad(text, 'list elements are written with a dot', `write  ${index[1]}.${index[2]}${index[3]}=…`)
  }
  if (/\s/.test(name))
    throw bad(text, 'there is space in the key', `write  ${text.replace(/\s*=\s*/, '=').trim()}`)
  throw bad(text, `"${name}" is no valid key`, 'keys are names joined by dots: config.OPTIMIZER.num_epochs')
}

/** The text with a mark under one of its characters, cut to what fits a screen. */
function mark(text: string, at: number): string {
  const from = Math.max(0, at - 60)
  const shown = text.slice(from, from + 100).replace(/[\n\r\t]/g, ' ')
  return `    ${shown}\n    ${' '.repeat(at - from)}^`
}

function bad(text: string, problem: string, fix: string): VisslError {
  return new VisslError(ExitCode.usage, `cannot read the override "${text}": ${problem}`, fix)
}
