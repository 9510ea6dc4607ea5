import { didYouMean, ExitCode, VisslError } from '../errors.ts'

/** An option of a command. */
export interface OptionSpec {
  /** Without dashes. */
  readonly name: string
  readonly description: string
  /** `flag` takes no value, `one` the last given, `many` all; `optional` a value or none. */
  readonly takes: 'flag' | 'one' | 'many' | 'optional'
  /** What the value is called in help. */
  readonly value?: string
  /** What an option without its optional value means. */
  readonly implied?: string
}

/** A parsed command line. */
export interface Arguments {
  /** `key=value`, `+key=value`, `~key`: in order. */
  readonly overrides: readonly string[]
  /** Everything else that is no option. */
  readonly positional: readonly string[]
  /** Values by option; flags have one empty value. */
  readonly options: ReadonlyMap<string, readonly string[]>
  /** As given. */
  readonly raw: readonly string[]
}

/**
 * Sorts a command line into overrides, options (`--name value` or `--name=value`) and the rest. What follows `--` is
 * never an option.
 *
 * @throws VisslError (usage) for unknown options and missing values
 */
export function parseArguments(argv: readonly string[], specs: readonly OptionSpec[]): Arguments {
  const overrides: string[] = []
  const positional: string[] = []
  const options = new Map<string, string[]>()
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i]!
    if (arg === '--') {
      positional.push(...argv.slice(i + 1))
      break
    }
    if (!arg.startsWith('-') || arg === '-') {
      if (isOverride(arg)) overrides.push(arg)
      else positional.push(arg)
      continue
    }
    const [flag = '', inline] = split(arg)
    const spec = specs.find(({ name }) => flag === `--${name}`)
    if (spec === undefined) throw unknownOption(flag, specs)
    const values = options.get(spec.name) ?? []
    options.set(spec.name, values)
    const next = argv[i + 1]
    if (spec.takes === 'flag') {
      if (inline !== undefined)
        throw new VisslError(ExitCode.usage, `${flag} takes no value`, `write  ${flag}`)
      values.push('')
    } else if (inline !== undefined) {
      values.push(inline)
    } else if (
      next !== undefined &&
      !next.startsWith('-') &&
      !(spec.takes === 'optional' && isOverride(next))
    ) {
      values.push(next)
      i++
    } else if (spec.takes === 'optional') {
      values.push(spec.implied ?? '')
    } else {
      throw new VisslError(ExitCode.usage, `${flag} needs a value`, `write  ${flag} ${spec.value ?? 'VALUE'}`)
    }
  }
  return { overrides, positional, options, raw: argv }
}

function isOverride(arg: string): boolean {
  return /^[+~]/.test(arg) || (arg.includes('=') && !/^[./]/.test(arg))
}

function split(arg: string): [string, string?] {
  const at = arg.indexOf('=')
  return at < 0 ? [arg] : [arg.slice(0, at), arg.slice(at + 1)]
}

function unknownOption(flag: string, specs: readonly OptionSpec[]): VisslError {
  const names = specs.map(({ name }) => `--${name}`)
  const near = didYouMean(flag, names)
  return new VisslError(
    ExitCode.usage,
    `unknown option ${flag}`,
    near.length > 0 ? `did you mean  ${near.join('  or  ')} ?` : `options: ${names.join(', ') || 'none'}`,
  )
}

/** Last value of an option. */
export function lastValue(args: Arguments, name: string): string | undefined {
  return args.options.get(name)?.at(-1)
}
