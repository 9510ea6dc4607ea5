import { ExitCode } from '../errors.ts'
import { styleFor } from '../logging/style.ts'
import type { Command } from './command.ts'

export const doctor: Command = {
  usage: '[--json]',
  description:
    'Checks what vissl needs of this machine: Node, the native core, libtorch, GPUs, memory, disk, network names.\n' +
    'Exits with 5 when something does not work.',
  options: [{ name: 'json', takes: 'flag', description: 'print JSON' }],
  examples: [['vissl doctor', 'everything, with a fix for what does not work']],

  async run(args, { stdout, cwd, env }) {
    const { examine } = await import('../launch/doctor.ts')
    const findings = await examine(cwd)
    const works = findings.every(({ state }) => state !== 'bad')
    if (args.options.has('json')) {
      stdout.write(`${JSON.stringify(findings, null, 2)}\n`)
    } else {
      const style = styleFor(stdout, env)
      const marks = { ok: style.green('✔'), note: style.yellow('!'), bad: style.red('✖') }
      for (const { state, what, detail, fix } of findings) {
        stdout.write(`  ${marks[state]} ${what.padEnd(18)} ${detail}\n`)
        if (fix !== undefined) stdout.write(`    ${style.bold('fix:')} ${fix}\n`)
      }
    }
    return works ? ExitCode.ok : ExitCode.environment
  },
}
