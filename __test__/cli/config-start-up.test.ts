import { readFileSync } from 'node:fs'
import test from 'ava'
import { commands } from '../../ts/cli/commands.ts'
import { ExitCode } from '../../ts/errors.ts'
import { config } from './_config.ts'

/** Files that a module loads when it is imported: types and imports that come later left out. */
function loaded(module: URL, seen = new Set<string>()): Set<string> {
  if (seen.has(module.href)) return seen
  seen.add(module.href)
  const text = readFileSync(module, 'utf8')
  for (const [, from = ''] of text.matchAll(/^(?:import|export)(?! type\b)[^'";]*?from\s+'(\.[^']+)'/gm))
    loaded(new URL(from, module), seen)
  return seen
}

const cli = (file: string) => new URL(`../../ts/cli/${file}`, import.meta.url)
const room = (module: string) => /\/ts\/(\w+)/.exec(module)![1]!

for (const name of ['show', 'explain', 'list', 'diff', 'check', 'schema', 'plot-lr']) {
  test(`help of config ${name} needs the command line's own files alone`, (t) => {
    const rooms = [...loaded(cli(`config-${name}.ts`))].map(room)
    t.deepEqual(
      [...new Set(rooms)].filter((name) => !['cli', 'logging', 'errors'].includes(name)),
      [],
    )
  })
}

test('drawing a learning rate needs no tensors', (t) => {
  const files = [...loaded(cli('schedules.ts')), ...loaded(cli('lr-curve.ts'))]
  t.true(files.some((file) => file.includes('/optim/schedules/')))
  t.deepEqual(
    files.filter((file) => /\/ts\/(?:engine|models|losses|data|launch|train)\//.test(file)),
    [],
  )
})

test('every command has a description, options and examples that begin with its name', async (t) => {
  for (const [name, { summary, load }] of commands) {
    const { description, examples } = await load()
    t.true(summary !== '' && description !== '', name)
    t.true(examples.length > 0, name)
    for (const [example, does] of examples)
      t.true(example.startsWith(`vissl ${name}`) && does !== '', example)
  }
})

test('help of the group lists its commands; without a command it is an error', async (t) => {
  const names = [...commands.keys()].filter((name) => name.startsWith('config '))
  const help = await config('.', '--help')
  t.is(help.code, ExitCode.ok)
  for (const name of names) t.true(help.out.includes(`\n  ${name} `), name)
  t.deepEqual(await config('.'), { ...help, code: ExitCode.usage })
})
