#!/usr/bin/env node
import { existsSync, readdirSync } from 'node:fs'
import { become, root, setUpOrExit } from './setup/run.mjs'

const [name, ...args] = process.argv.slice(2)
const known = readdirSync(`${root}/benches`)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))
if (name === undefined || !existsSync(`${root}/benches/${name}.ts`)) {
  console.error(
    `${name === undefined ? 'which bench?' : `no bench is called ${name}`}  usage: npm run bench -- NAME\n  choices: ${known.join(', ')}`,
  )
  process.exit(2)
}
await setUpOrExit()
become(process.execPath, ['--import=@oxc-node/core/register', `${root}/benches/${name}.ts`, ...args])
