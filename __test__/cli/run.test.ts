import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { Command, CommandEntry } from '../../ts/cli/command.ts'
import { run } from '../../ts/cli/run.ts'
import { ExitCode, VisslError } from '../../ts/errors.ts'
import { packageVersion } from '../../ts/logging/index.ts'
import { Capture } from '../logging/output.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-cli-'))

async function vissl(
  argv: string[],
  options: { commands?: Map<string, CommandEntry>; debug?: boolean } = {},
) {
  const stdout = new Capture()
  const stderr = new Capture()
  const env = options.debug === true ? { VISSL_DEBUG: '1' } : {}
  const code = await run(argv, { stdout, stderr, cwd, env }, options.commands)
  return { code, out: stdout.text, err: stderr.text }
}

test('help, of the program and of a command', async (t) => {
  for (const argv of [[], ['--help'], ['help']]) {
    const { code, out } = await vissl(argv)
    t.is(code, ExitCode.ok)
    t.true(out.includes('config show') && out.includes('vissl train config=quickstart'))
  }
  for (const argv of [
    ['train', '--help'],
    ['help', 'train'],
    ['train', 'config=x', '-h'],
  ]) {
    const { code, out } = await vissl(argv)
    t.is(code, ExitCode.ok)
    t.true(out.includes('--plugin FILE') && out.includes('--resume [PATH]'))
  }
  t.is((await vissl(['config', '--help'])).code, ExitCode.ok)
})

test('the version', async (t) => {
  t.deepEqual(await vissl(['--version']), { code: ExitCode.ok, out: `${packageVersion()}\n`, err: '' })
})

const mistakes: [string[], ExitCode, string, string][] = [
  [['trian'], ExitCode.usage, 'there is no command "trian"', 'vissl train'],
  [['config', 'shwo'], ExitCode.usage, 'there is no command "config shwo"', 'vissl config show'],
  [['--hepl'], ExitCode.usage, 'unknown option --hepl', 'commands:'],
  [['train', '--resme'], ExitCode.usage, 'unknown option --resme', '--resume'],
  [['train', '--dry-run=1'], ExitCode.usage, '--dry-run takes no value', '--dry-run'],
  [['train', '--plugin'], ExitCode.usage, '--plugin needs a value', '--plugin FILE'],
  [
    ['train', '--plugin', 'nope.ts', 'config=quickstart'],
    ExitCode.usage,
    'there is no plug-in nope.ts',
    'module',
  ],
  [['train'], ExitCode.usage, 'no configuration is chosen', 'config=quickstart'],
  [['train', './nope'], ExitCode.data, 'there is no folder ./nope', 'folder of images'],
  [['train', 'a', 'b'], ExitCode.usage, 'unexpected argument b', 'one folder'],
  [
    ['train', 'config.SEED_VALUE'],
    ExitCode.usage,
    'config.SEED_VALUE has no value',
    'config.SEED_VALUE=VALUE',
  ],
  [['train', 'config=nope'], ExitCode.usage, 'there is no configuration config=nope', 'available'],
  [
    ['train', 'config=quickstart', 'config.OPTIMIZER.num_epoch=100'],
    ExitCode.usage,
    'config.OPTIMIZER.num_epoch is not a known key',
    'did you mean  config.OPTIMIZER.num_epochs ?      (to add a new key write  +config.OPTIMIZER.num_epoch=100)',
  ],
  [
    ['config', 'show', 'config=quickstart', 'zzzzzzzzzzzzzzzzzzzzzzzzz'],
    ExitCode.usage,
    'there is no key',
    'prints all keys',
  ],
]

for (const [argv, code, message, fix] of mistakes) {
  test(`vissl ${argv.join(' ')}`, async (t) => {
    const { code: actual, out, err } = await vissl(argv)
    t.is(actual, code)
    t.is(out, '')
    t.true(err.startsWith(`✖ ${message}`), err)
    t.true(err.includes('\n  fix: ') && err.includes(fix), err)
    t.false(err.includes('    at '))
  })
}

test('a configuration is shown, as a whole and in part', async (t) => {
  t.true((await vissl(['config', 'show', 'config=quickstart'])).out.includes('name: simclr_info_nce_loss'))
  const part = await vissl(['config', 'show', 'config=quickstart', 'LOSS.simclr_info_nce_loss', '--json'])
  t.like(JSON.parse(part.out), { temperature: 0.2 })
  const shown = await vissl([
    'config',
    'show',
    'config=quickstart',
    'config.SEED_VALUE=4',
    'SEED_VALUE',
    '--origin',
  ])
  t.is(shown.out, 'config.SEED_VALUE: 4  # command line: config.SEED_VALUE=4\n')
  const odd = await vissl(['config', 'show', 'config=quickstart', 'config.SEED_VALUE=x', 'SEED_VALUE'])
  t.is(odd.code, ExitCode.ok)
  t.is(odd.out, 'x\n')
  t.true(odd.err.includes('allowed: a whole number'))
})

function throwing(error: unknown): Map<string, CommandEntry> {
  const command: Command = {
    usage: '',
    description: '',
    options: [],
    examples: [],
    run: async () => {
      throw error
    },
  }
  return new Map([['boom', { summary: '', load: async () => command }]])
}

test('errors keep their exit code; stacks are for defects and for debugging', async (t) => {
  const disk = throwing(new VisslError(ExitCode.environment, 'the disk is full', 'free some space'))
  t.deepEqual(await vissl(['boom'], { commands: disk }), {
    code: ExitCode.environment,
    out: '',
    err: '✖ the disk is full\n  fix: free some space\n',
  })
  t.true((await vissl(['boom'], { commands: disk, debug: true })).err.includes('    at '))
  const defect = await vissl(['boom'], { commands: throwing(new TypeError('x is undefined')) })
  t.is(defect.code, ExitCode.internal)
  t.true(defect.err.startsWith('✖ internal error: x is undefined') && defect.err.includes('    at '))
  t.is((await vissl(['boom'], { commands: throwing('a string') })).code, ExitCode.internal)
})

test('a file in place of a folder', async (t) => {
  writeFileSync(join(cwd, 'photo.jpg'), '')
  t.is((await vissl(['train', './photo.jpg'])).code, ExitCode.data)
  mkdirSync(join(cwd, 'empty'))
})
