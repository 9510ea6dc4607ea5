#!/usr/bin/env node
import { rmSync } from 'node:fs'
import { places } from './setup/main.mjs'
import { root, setUpOrExit } from './setup/run.mjs'

const unknown = process.argv.slice(2).find((argument) => argument !== '--force')
if (unknown !== undefined) {
  console.error(
    `unknown option ${unknown}\n  usage: npm run setup -- [--force]    --force builds everything again; libtorch stays`,
  )
  process.exit(2)
}
if (process.argv.includes('--force')) {
  const { packagesStamp, nativeStamp, operatorsStamp, distStamp } = places(root)
  for (const stamp of [packagesStamp, nativeStamp, operatorsStamp, distStamp]) rmSync(stamp, { force: true })
}
await setUpOrExit()
