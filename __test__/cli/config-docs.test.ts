import { readFileSync } from 'node:fs'
import test from 'ava'
import { page, withKeys } from '../../scripts/generate-docs.mjs'
import { commands } from '../../ts/cli/commands.ts'
import { allKeys } from '../../ts/config/index.ts'

const text = readFileSync(page, 'utf8')

test('docs/config.md is what scripts/generate-docs.mjs writes', async (t) => {
  t.true(text === (await withKeys(text)), 'run  npm run docs')
})

test('docs/config.md names every key and every command about configurations', (t) => {
  for (const key of allKeys()) {
    const [name, block] = [key.slice(key.lastIndexOf('.') + 1), key.split('.').slice(0, 2).join('.')]
    t.true(text.includes(name) && text.includes(block), key)
  }
  for (const name of [...commands.keys()].filter((name) => name.startsWith('config ')))
    t.true(text.includes(`vissl ${name}`), name)
})
