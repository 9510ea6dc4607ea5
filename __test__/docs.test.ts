import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { parseArguments } from '../ts/cli/arguments.ts'
import { commands } from '../ts/cli/commands.ts'
import { extensionsOf } from '../ts/cli/extensions.ts'
import { composeConfig } from '../ts/config/index.ts'
import { ExitCode } from '../ts/errors.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map(
  (name) => `docs/${name}`,
)
const documents = ['README.md', ...pages.sort()].filter((name) => name.endsWith('.md'))

const read = (document: string): string => readFileSync(join(root, document), 'utf8')

interface Fence {
  language: string
  text: string
  /** What stands before it. */
  before: string
}

function fences(document: string): Fence[] {
  const text = read(document)
  return Array.from(text.matchAll(/^```(\w*)\n(.*?)^```$/gms), (found) => ({
    language: found[1]!,
    text: found[2]!,
    before: text.slice(0, found.index),
  }))
}

/** Lines that are commands: all of `sh` blocks, and `npm …` alone in a block. */
const commandsOf = (document: string): string[] =>
  fences(document)
    .filter(({ language, text }) => language === 'sh' || (language === '' && text.startsWith('npm ')))
    .flatMap(({ text }) => text.replaceAll('\\\n', ' ').trim().split('\n'))
    .filter((line) => line !== '' && !line.startsWith('#'))

/** Saves the TypeScript of a document under the names that the text gives, `alignment.ts` for example. */
function saveSnippets(document: string, folder: string): string[] {
  return fences(document)
    .filter(({ language }) => language === 'ts')
    .map(({ text, before }, index) => {
      const named = [...before.matchAll(/`([\w.-]+\.ts)`/g)].at(-1)?.[1]
      const name = named ?? `snippet-${index}.ts`
      writeFileSync(join(folder, name), text)
      return name
    })
}

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-docs-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The script behind `npm X` or `npm run X` exists, as does the file that it runs. */
function checkNpm(t: ExecutionContext, words: readonly string[]): void {
  const name = words[0] === 'run' ? words[1]! : words[0]!
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const script = scripts[name]
  t.truthy(script, `package.json has no script ${name}`)
  const file = /^node (\S+)/.exec(script ?? '')?.[1]
  if (file !== undefined) t.true(existsSync(join(root, file)), file)
}

/** The command exists, its arguments are accepted, and its configuration with its plug-ins is valid. */
async function checkVissl(t: ExecutionContext, words: readonly string[], cwd: string): Promise<void> {
  const name = [words.slice(0, 2).join(' '), words[0]!].find((name) => commands.has(name))
  t.truthy(name, `no command in: ${words.join(' ')}`)
  const command = await commands.get(name!)!.load()
  const args = parseArguments(words.slice(name!.split(' ').length), command.options)
  const plugins = (args.options.get('plugin') ?? []).map((file) => join(cwd, file))
  for (const file of plugins) t.true(existsSync(file), `the text has no ${file}`)
  const folder = name === 'train' && args.positional.length > 0
  if (!folder && args.overrides.length === 0) return
  const extensions = await extensionsOf(plugins)
  composeConfig({ config: folder ? 'folder' : undefined, overrides: args.overrides, cwd, extensions })
}

for (const document of documents) {
  const lines = commandsOf(document)
  if (lines.length > 0) {
    test.serial(`the commands of ${document} exist and their arguments are accepted`, async (t) => {
      const cwd = scratch(t)
      saveSnippets(document, cwd)
      for (const line of lines) {
        const [first, ...rest] = line.replace(/\s+#.*$/, '').split(/\s+/)
        if (first === 'npm') checkNpm(t, rest)
        else if (first === 'npx' && rest[0] === 'vissl') await checkVissl(t, rest.slice(1), cwd)
        else if (first === 'vissl') await checkVissl(t, rest, cwd)
        else t.fail(`no way to check: ${line}`)
      }
    })
  }

  test(`the links of ${document}`, (t) => {
    const targets = Array.from(read(document).matchAll(/\]\(([^)#\s]+)/g), (found) => found[1]!)
    for (const target of targets.filter((target) => !/^\w+:/.test(target)))
      t.true(existsSync(join(root, document, '..', target)), target)
    t.pass()
  })
}

test.serial('the TypeScript of all documents compiles against the package’s types', (t) => {
  const cwd = scratch(t)
  const files = documents.flatMap((document, i) => {
    const folder = `${i}-${basename(document, '.md')}`
    mkdirSync(join(cwd, folder))
    return saveSnippets(document, join(cwd, folder)).map((name) => `${folder}/${name}`)
  })
  mkdirSync(join(cwd, 'node_modules'))
  for (const name of ['zod', '@types'])
    symlinkSync(join(root, 'node_modules', name), join(cwd, 'node_modules', name))
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { noEmit: true, rootDir: '/', paths: { vissl: [join(root, 'ts/index.ts')] } },
    files,
    include: [],
  }
  writeFileSync(join(cwd, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify(config))
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  try {
    execFileSync(process.execPath, [compiler, '-p', cwd], { encoding: 'utf8' })
    t.pass()
  } catch (error) {
    t.fail(String((error as { stdout?: unknown }).stdout))
  }
})

test('the table of docs/errors.md has exactly the exit codes that there are', (t) => {
  const rows = Array.from(read('docs/errors.md').matchAll(/^\| (\d+) \|/gm), (found) => Number(found[1]))
  t.deepEqual(rows, Object.values(ExitCode))
})
