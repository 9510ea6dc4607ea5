import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { removeOnExit } from './cleanup.mjs'
import { looksLikeNetworkFailure, NETWORK_FIX, SetupError } from './error.mjs'
import { run, tail } from './exec.mjs'
import { turboTools, WITHOUT_TURBO } from './jpeg.mjs'
import { writeAtomic } from './stamp.mjs'

/** The two addons: `host` loads libtorch, `vissl` is the core that needs it loaded. */
export const ADDONS = [
  { crate: 'host', binary: 'host' },
  { crate: 'node', binary: 'vissl' },
]

/** Runs a build tool of ours and turns its failure into an error that ends with its last lines. */
async function tool(what, command, args, options, fix) {
  const { code, output } = await run(command, args, options)
  if (code === 0) return output
  const reason = looksLikeNetworkFailure(output) ? NETWORK_FIX : fix
  throw new SetupError(`${what} failed (exit code ${code}):\n${tail(output)}`, reason)
}

/**
 * Installs exactly the versions of package-lock.json. Not `npm ci`: that refuses the whole lock where a registry
 * lacks an optional package of some other platform, which `npm install` passes over. Neither file is written.
 */
export async function installPackages(root) {
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']
  const fix = 'Read the lines above; if they are about permissions, check who owns node_modules.'
  await tool('npm install', 'npm', args, { cwd: root }, fix)
}

/**
 * Builds both addons in release and puts them into native/ by a rename, which leaves a running process its
 * old copy. The data engine gets libjpeg-turbo where that can be built, and does without elsewhere.
 *
 * @returns a line that names the JPEG decoder, with what it costs to be without the faster one
 */
export async function buildNative(root, linkFolder, step) {
  const { missing, env } = turboTools()
  let detail = 'JPEG by libjpeg-turbo'
  if (env === undefined) {
    detail = `${WITHOUT_TURBO} (${missing})`
    await buildAddon(root, 'host', linkFolder, step)
  } else {
    try {
      await buildAddon(root, 'host', linkFolder, step, { env, features: ['libjpeg-turbo'] })
    } catch {
      // An error that is not libjpeg-turbo's comes again, and is told.
      await buildAddon(root, 'host', linkFolder, step)
      detail = `${WITHOUT_TURBO} (libjpeg-turbo could not be built)`
    }
  }
  await buildAddon(root, 'node', linkFolder, step)
  return detail
}

async function buildAddon(root, crate, linkFolder, step, { env = {}, features = [] } = {}) {
  const { binary } = ADDONS.find((addon) => addon.crate === crate)
  const output = mkdtempSync(join(root, 'native', '.build-'))
  const forget = removeOnExit(output)
  const config = join(output, 'napi.json')
  writeAtomic(config, JSON.stringify({ binaryName: binary }))
  const args = [
    join(root, 'node_modules/@napi-rs/cli/dist/cli.js'),
    'build',
    '--release',
    '--manifest-path',
    join(root, 'crates', crate, 'Cargo.toml'),
    '--package-json-path',
    join(root, 'package.json'),
    '--config-path',
    config,
    '--output-dir',
    output,
    ...features.flatMap((feature) => ['--features', feature]),
  ]
  const onText = (text) => {
    const crates = [...text.matchAll(/Compiling (\S+)/g)]
    if (crates.length > 0) step.update(`compiling ${crates.at(-1)[1]}`)
  }
  try {
    await tool(
      `building crates/${crate}`,
      process.execPath,
      args,
      { cwd: root, env: { ...process.env, ...env, LIBTORCH: linkFolder, CARGO_TERM_COLOR: 'never' }, onText },
      'Read the compiler lines above.',
    )
    renameSync(join(output, `${binary}.node`), join(root, 'native', `${binary}.node`))
  } finally {
    rmSync(output, { recursive: true, force: true })
    forget()
  }
}

/** Writes ts/engine/ops.generated.ts from the schemas of the built core. */
export async function generateOperators(root) {
  await tool(
    'scripts/generate-ops.mjs',
    process.execPath,
    [join(root, 'scripts/generate-ops.mjs')],
    { cwd: root },
    'Run it alone to see more: node scripts/generate-ops.mjs',
  )
}

/** Compiles ts/ into a clean dist/; after an error there is no dist/. */
export async function compileTypeScript(root) {
  const dist = join(root, 'dist')
  rmSync(dist, { recursive: true, force: true })
  const forget = removeOnExit(dist)
  try {
    await tool(
      'tsc',
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '-p', root],
      { cwd: root },
      'Correct the lines above; npm run check shows them again.',
    )
  } catch (error) {
    if (existsSync(dist)) rmSync(dist, { recursive: true, force: true })
    throw error
  } finally {
    forget()
  }
}
