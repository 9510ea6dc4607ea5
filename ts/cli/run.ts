import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import { styleFor } from '../logging/style.ts'
import { parseArguments } from './arguments.ts'
import type { CommandEntry, Terminal } from './command.ts'
import { commands as allCommands } from './commands.ts'
import { commandHelp, groupHelp, programHelp } from './help.ts'
import { reportError } from './report.ts'

/**
 * Runs a command line.
 *
 * @param argv what follows `vissl`
 * @returns what to exit with; errors are printed, not thrown
 */
export async function run(
  argv: readonly string[],
  terminal: Terminal,
  commands: ReadonlyMap<string, CommandEntry> = allCommands,
): Promise<ExitCode> {
  try {
    return await dispatch(argv, terminal, commands)
  } catch (error) {
    return reportError(error, terminal)
  }
}

async function dispatch(
  argv: readonly string[],
  terminal: Terminal,
  commands: ReadonlyMap<string, CommandEntry>,
): Promise<ExitCode> {
  const { stdout, env } = terminal
  const style = styleFor(stdout, env)
  const [first] = argv
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    const topic = first === 'help' ? argv.slice(1) : []
    if (topic.length > 0) return dispatch([...topic, '--help'], terminal, commands)
    stdout.write(programHelp(commands, style))
    return ExitCode.ok
  }
  if (first === '--version' || first === '-v' || first === '-V') {
    const { packageVersion } = await import('../logging/run-info.ts')
    stdout.write(`${packageVersion()}\n`)
    return ExitCode.ok
  }
  const found = find(argv, commands)
  if (found === undefined) return listGroup(argv, terminal, commands)
  const { name, entry, rest } = found
  const command = await entry.load()
  const end = rest.indexOf('--')
  if (rest.slice(0, end < 0 ? rest.length : end).some((arg) => arg === '--help' || arg === '-h')) {
    stdout.write(commandHelp(name, command, style))
    return ExitCode.ok
  }
  return command.run(parseArguments(rest, command.options), terminal)
}

function find(argv: readonly string[], commands: ReadonlyMap<string, CommandEntry>) {
  for (const words of [2, 1]) {
    const name = argv.slice(0, words).join(' ')
    const entry = argv.length >= words ? commands.get(name) : undefined
    if (entry !== undefined) return { name, entry, rest: argv.slice(words) }
  }
  return undefined
}

/** Help for `vissl config`, and the error for what is no command. */
function listGroup(
  argv: readonly string[],
  terminal: Terminal,
  commands: ReadonlyMap<string, CommandEntry>,
): ExitCode {
  const [first = '', second] = argv
  const names = [...commands.keys()]
  const group = names.filter((name) => name.startsWith(`${first} `))
  if (group.length > 0 && (second === undefined || second === '--help' || second === '-h')) {
    terminal.stdout.write(groupHelp(first, group, commands, styleFor(terminal.stdout, terminal.env)))
    return second === undefined ? ExitCode.usage : ExitCode.ok
  }
  const wanted = group.length > 0 ? `${first} ${second}` : first
  const near = didYouMean(
    wanted,
    group.length > 0 ? group : names.flatMap((name) => [name, name.split(' ')[0]!]),
  )
  throw new VisslError(
    ExitCode.usage,
    wanted.startsWith('-') ? `unknown option ${wanted}` : `there is no command "${wanted}"`,
    near.length > 0
      ? `did you mean  ${[...new Set(near)].map((name) => `vissl ${name}`).join('  or  ')} ?`
      : `commands: ${(group.length > 0 ? group : names).join(', ')}; see  vissl --help`,
  )
}
