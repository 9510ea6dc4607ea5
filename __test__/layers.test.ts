import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const root = fileURLToPath(new URL('../ts/', import.meta.url))

/** Rooms from the bottom up; a room may import from its own level only itself, and from every level below. */
const levels: readonly (readonly string[])[] = [
  ['errors'],
  ['registry'],
  ['config', 'logging', 'engine'],
  ['distributed'],
  ['nn'],
  ['optim', 'data', 'meters', 'losses', 'models'],
  ['checkpoint'],
  ['train'],
  ['eval'],
  ['hooks'],
  ['launch'],
  ['cli', 'index'],
]
/** Pure rooms: they know nothing of the engine or of what is built on it, whatever their level. */
const pure = ['errors', 'registry', 'config', 'logging']

const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
const roomOf = (file: string): string => file.split('/')[0]!.replace(/\.ts$/, '')
const levelOf = (room: string): number => levels.findIndex((level) => level.includes(room))

/** The files that a file imports; comments do not count, `import type` only with `types`. */
function importsOf(file: string, types = true): string[] {
  const code = readFileSync(join(root, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const kept = types ? code : code.replaceAll(/^(?:import|export) type [^']*'[^']+'/gm, '')
  const found = kept.matchAll(/(?:from|import\(|^import)\s*'(\.[^']+)'/gm)
  return [...found].map((match) => relative(root, join(root, dirname(file), match[1]!)))
}

test('every room has a level', (t) => {
  const unknown = new Set(files.map(roomOf).filter((room) => levelOf(room) < 0))
  t.deepEqual([...unknown], [])
})

test('rooms import only from rooms below them', (t) => {
  const wrong: string[] = []
  for (const file of files) {
    const from = roomOf(file)
    for (const target of importsOf(file)) {
      const to = roomOf(target)
      const inside = from === to
      const below = levelOf(to) < levelOf(from)
      if (!inside && (!below || (pure.includes(from) && !pure.includes(to))))
        wrong.push(`${file} → ${target}`)
    }
  }
  t.deepEqual(wrong, [])
})

test('no file imports itself through others', (t) => {
  const graph = new Map(files.map((file) => [file, importsOf(file, false)]))
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  t.deepEqual(cycles, [])
})

test('the native boundary is known to the engine, data and checkpoint files only', (t) => {
  const users = files.filter((file) =>
    importsOf(file).some((target) => /^engine\/(host|native)\.ts$/.test(target)),
  )
  const rooms = new Set(users.map(roomOf))
  t.deepEqual([...rooms].sort(), ['checkpoint', 'data', 'engine'])
})
