#!/usr/bin/env node
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { run, tail } from './setup/exec.mjs'
import { turboTools } from './setup/jpeg.mjs'
import { places } from './setup/main.mjs'
import { formatSeconds } from './setup/progress.mjs'
import { root, setUpOrExit } from './setup/run.mjs'
import { countCargo, countTap, failuresOfCargo, failuresOfTap } from './setup/test-output.mjs'

const libtorch = await setUpOrExit()
const libraries = [...new Set(libtorch.preload.map(dirname)), process.env.LD_LIBRARY_PATH].filter(Boolean)
const env = {
  ...process.env,
  LIBTORCH: places(root).link,
  CARGO_TERM_COLOR: 'never',
  NO_COLOR: '1',
  TERM: 'dumb',
}
/** The crates are tested with the JPEG decoder that set-up built in. */
const hasTurbo = createRequire(import.meta.url)(places(root).addons[0]).jpegDecoder?.() === 'libjpeg-turbo'
const turbo = hasTurbo ? turboTools() : {}
const features = turbo.env ? ['--features', 'vissl-data/libjpeg-turbo'] : []
const cargoEnv = { ...env, ...turbo.env, LD_LIBRARY_PATH: libraries.join(':') }
const bin = (path) => [process.execPath, `${root}/node_modules/${path}`]
const check = ({ code }) => ({ passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1 })

/** Tests first, then the checks that count as one each; one profile, so that libtorch's bindings are compiled once. */
const sections = [
  {
    name: 'cargo test',
    command: ['cargo', 'test', '--profile', 'tests', '--workspace', '--no-fail-fast', ...features],
    env: cargoEnv,
    count: countCargo,
    failures: failuresOfCargo,
  },
  {
    name: 'ava',
    command: [...bin('ava/entrypoints/cli.mjs'), '--tap'],
    env,
    count: countTap,
    failures: failuresOfTap,
  },
  { name: 'tsc', command: [...bin('typescript/bin/tsc'), '--noEmit'], env, count: check },
  { name: 'biome', command: [...bin('@biomejs/biome/bin/biome'), 'check'], env, count: check },
  {
    name: 'cargo fmt',
    command: ['cargo', 'fmt', '--all', '--check', '--', '--color', 'never'],
    env,
    count: check,
  },
  {
    name: 'cargo clippy',
    command: [
      'cargo',
      'clippy',
      '--profile',
      'tests',
      '--workspace',
      '--lib',
      '--tests',
      '--examples',
      ...features,
      '--',
      '-D',
      'warnings',
    ],
    env: cargoEnv,
    count: check,
  },
]

let passed = 0
let failed = 0
for (const section of sections) {
  const began = performance.now()
  const [command, ...args] = section.command
  const result = await run(command, args, { cwd: root, env: section.env })
  const counts = section.count(result)
  if (result.code !== 0 && counts.failed === 0) counts.failed = 1
  passed += counts.passed
  failed += counts.failed
  const ok = counts.failed === 0
  const time = formatSeconds((performance.now() - began) / 1000)
  console.log(
    `${ok ? '✔' : '✖'} ${section.name.padEnd(13)} ${counts.passed} passed, ${counts.failed} failed   ${time}`,
  )
  if (!ok) console.log((section.failures?.(result.output) || tail(result.output, 60)).replace(/^/gm, '    '))
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
