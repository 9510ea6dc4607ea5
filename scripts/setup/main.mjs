import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ADDONS, buildNative, compileTypeScript, generateOperators, installPackages } from './build.mjs'
import { capture } from './exec.mjs'
import { recordedLibtorch, writeLinkFolder, writeRecord } from './libtorch.mjs'
import { provisionLibtorch } from './libtorch-sources.mjs'
import { withLock } from './lock.mjs'
import { checkBuildSpace, checkRuntime, checkToolchain } from './prerequisites.mjs'
import { formatSeconds, step } from './progress.mjs'
import { digestOf, isCurrent, writeStamp } from './stamp.mjs'

const NATIVE_SOURCES = ['crates', 'Cargo.toml']

/** The paths of a checkout that set-up makes. */
export function places(root) {
  const native = join(root, 'native')
  return {
    native,
    link: join(native, 'link'),
    record: join(native, 'libtorch.json'),
    addons: ADDONS.map(({ binary }) => join(native, `${binary}.node`)),
    generated: join(root, 'ts/engine/ops.generated.ts'),
    dist: join(root, 'dist'),
    packagesStamp: join(root, 'node_modules/.vissl-stamp'),
    nativeStamp: join(native, 'build.stamp'),
    operatorsStamp: join(native, 'operators.stamp'),
    distStamp: join(root, 'dist/.stamp'),
  }
}

/**
 * Brings a checkout to the state in which `dist/cli/main.js` runs: packages, libtorch, native core, generated
 * operators, compiled TypeScript. What is current is skipped; each step writes its stamp only when complete.
 *
 * @returns the libtorch description of native/libtorch.json
 * @throws SetupError naming what is missing, with its fix
 */
export async function setUp(root, env = process.env) {
  const began = performance.now()
  checkRuntime()
  const at = places(root)
  mkdirSync(at.native, { recursive: true })
  const onWait = ({ pid }) =>
    console.log(`  another set-up of this folder is running (process ${pid}); waiting for it`)
  return withLock(join(at.native, 'setup.lock'), () => steps(root, at, env, began), onWait)
}

async function steps(root, at, env, began) {
  const rustc = capture('rustc', ['--version'])
  const packages = digestOf(root, ['package-lock.json'], [process.version])
  const packagesCurrent = isCurrent(at.packagesStamp, packages)
  let libtorch = currentLibtorch(at, env)
  const sources = digestOf(root, NATIVE_SOURCES)
  /** Cargo.lock is read anew each time: a build completes it where it lags behind the manifests. */
  const nativeDigest = (found) =>
    digestOf(root, ['Cargo.lock'], [sources, rustc ?? '', found.dir, JSON.stringify(found.files)])
  const nativeCurrent = libtorch && isCurrent(at.nativeStamp, nativeDigest(libtorch), [...at.addons, at.link])

  const todo = [!packagesCurrent, !libtorch, !nativeCurrent].filter(Boolean).length
  if (todo > 0) {
    checkToolchain()
    checkBuildSpace(root)
    const first = existsSync(at.record) ? 'out of date' : 'first start'
    console.log(
      `vissl · ${first}: ${todo} ${todo === 1 ? 'thing' : 'things'} to fetch and build; a cold build takes several minutes`,
    )
  }
  if (!packagesCurrent) {
    await step('packages', async () => {
      await installPackages(root)
      writeStamp(at.packagesStamp, packages)
    })
  }
  if (!libtorch) {
    await step('libtorch 2.13.0', async (shown) => {
      libtorch = await provisionLibtorch(shown, env)
      return `${libtorch.source}: ${libtorch.dir}`
    })
  }
  if (!nativeCurrent) {
    await step('native core', async (shown) => {
      rmSync(at.nativeStamp, { force: true })
      writeLinkFolder(at.link, libtorch)
      writeRecord(at.record, libtorch)
      const text = await buildNative(root, at.link, shown)
      writeStamp(at.nativeStamp, nativeDigest(libtorch))
      return text
    })
  }
  const compiled = await compileScripts(root, at, nativeDigest(libtorch))
  if (todo === 0 && !compiled)
    console.log(`vissl · set-up is current (${formatSeconds((performance.now() - began) / 1000)})`)
  return libtorch
}

async function compileScripts(root, at, native) {
  let worked = false
  const operators = digestOf(root, ['scripts/generate-ops.mjs'], [native])
  if (!isCurrent(at.operatorsStamp, operators, [at.generated])) {
    await step('operators', async () => {
      await generateOperators(root)
      writeStamp(at.operatorsStamp, operators)
    })
    worked = true
  }
  const typescript = digestOf(root, ['ts', 'tsconfig.json', 'package-lock.json'])
  if (!isCurrent(at.distStamp, typescript, [at.dist])) {
    await step('TypeScript', async () => {
      await compileTypeScript(root)
      writeStamp(at.distStamp, typescript)
    })
    worked = true
  }
  return worked
}

/** The recorded libtorch while it is whole and LIBTORCH or VISSL_PYTHON do not ask for another one. */
function currentLibtorch(at, env) {
  const record = recordedLibtorch(at.record)
  if (!record) return undefined
  if (env.LIBTORCH) return record.dir === resolve(env.LIBTORCH) ? record : undefined
  if (record.source === 'LIBTORCH') return undefined
  if (env.VISSL_PYTHON && record.source !== `python ${env.VISSL_PYTHON}`) return undefined
  return record
}
