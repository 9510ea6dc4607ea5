import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { composeConfig } from '../../ts/config/index.ts'

const folder = fileURLToPath(new URL('../../docs/methods/', import.meta.url))
const pages = readdirSync(folder)
/** They are not in the tree of a configuration that does not give them. */
const withoutDefault: ReadonlySet<string> = new Set(['label_smoothing', 'TRAIN_OVERRIDES'])

for (const page of pages) {
  test(`docs/methods/${page}: paper, command, links and keys hold`, (t) => {
    const text = readFileSync(`${folder}${page}`, 'utf8')
    t.regex(text, /\[arXiv:(\d{4}\.\d{4,5})\]\(https:\/\/arxiv\.org\/abs\/\1\)/)
    const command = /^```sh\nnpx vissl train (config=.*?)\n```$/ms.exec(text)?.[1]
    t.truthy(command, 'has no command')
    const overrides = command!.replaceAll('\\\n', ' ').split(/\s+/)
    const { config } = composeConfig({ overrides, cwd: folder })
    for (const [, target] of text.matchAll(/\]\((?!https)([^)]+)\)/g))
      t.true(existsSync(`${folder}${target}`), target)
    const losses: Readonly<Record<string, unknown>> = config.LOSS
    const mentioned = [config.LOSS.name, ...text.matchAll(/`(\w+_loss\w*)`/g)].map((found) =>
      typeof found === 'string' ? found : found[1]!,
    )
    const parts = Object.entries({ ...losses, CLUSTERFIT: config.CLUSTERFIT })
    const known = parts.filter(([name]) => name === 'CLUSTERFIT' || mentioned.includes(name))
    const tables = text.split('\n').filter((line) => line.startsWith('| `'))
    for (const [, key] of tables.flatMap((line) => [...line.split('|')[1]!.matchAll(/`([\w.]+)`/g)])) {
      const has = known.some(([, block]) => key!.split('.').reduce<unknown>(at, block) !== undefined)
      t.true(has || withoutDefault.has(key!), key)
    }
  })
}

function at(block: unknown, key: string): unknown {
  return typeof block === 'object' && block !== null ? (block as Record<string, unknown>)[key] : undefined
}

test('every loss but the plain ones has a page', (t) => {
  const all = pages.map((page) => readFileSync(`${folder}${page}`, 'utf8')).join('\n')
  const { config } = composeConfig({ overrides: ['config=quickstart'], cwd: folder })
  const missing = Object.keys(config.LOSS).filter(
    (name) => name !== 'name' && name !== 'CrossEntropyLoss' && !all.includes(name),
  )
  t.deepEqual(missing, [])
})
