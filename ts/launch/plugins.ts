import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { acceptOwnModules, samplers, scriptCollators, scriptSources, transforms } from '../data/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { Loss, losses } from '../losses/index.ts'
import { meters } from '../meters/index.ts'
import { Head, heads, Trunk, trunks } from '../models/index.ts'
import { Optimizer, optimizers, schedulers } from '../optim/index.ts'
import type { Registry } from '../registry.ts'
import { Hook, hooks } from '../train/hook.ts'
import { TrainStep, trainSteps } from '../train/train-step.ts'

/** A kind of part that a plug-in may export: what its classes extend, or else how they are known. */
interface Kind {
  readonly base: string
  readonly matches: (prototype: object) => boolean
  readonly registry: Registry<never>
}

// biome-ignore lint/complexity/noBannedTypes: compared by identity only
const extending = (base: Function, registry: unknown): Kind => ({
  base: base.name,
  matches: (prototype) => prototype instanceof base,
  registry: registry as Registry<never>,
})

const kinds: readonly Kind[] = [
  extending(Loss, losses),
  extending(Trunk, trunks),
  extending(Head, heads),
  extending(Optimizer, optimizers),
  extending(Hook, hooks),
  extending(TrainStep, trainSteps),
  {
    base: 'Meter',
    matches: (prototype) => ['update', 'sync', 'value', 'reset'].every((method) => method in prototype),
    registry: meters as Registry<never>,
  },
]

/** Registries whose parts a plug-in may add by a call of its own. */
const registries: readonly Registry<never>[] = [
  ...kinds.map(({ registry }) => registry),
  schedulers as Registry<never>,
  transforms as Registry<never>,
  scriptSources as Registry<never>,
  scriptCollators as Registry<never>,
  samplers as Registry<never>,
]

/**
 * Imports modules of the user's own; every exported class that extends one of ours and has a `static key` is
 * registered under it. A module may also register by itself, with `defineSchedule`, `registerTransform`,
 * `registerSource`, `registerCollator` or `registerSampler`. `import … from 'vissl'` means this very package wherever
 * the file lies.
 *
 * @param files paths of `.ts`, `.mts`, `.js` or `.mjs` files
 * @returns what was registered, as `kind key`
 * @throws VisslError when a file is missing, does not load, or registers nothing
 */
export async function loadPlugins(files: readonly string[]): Promise<string[]> {
  if (files.length === 0) return []
  await acceptOwnModules()
  const registered: string[] = []
  for (const file of files) registered.push(...(await loadPlugin(file)))
  return registered
}

/** Everything that is registered, as `kind key`. */
const registeredParts = (): string[] =>
  registries.flatMap((registry) => registry.names().map((name) => `${registry.kind} ${name}`))

async function loadPlugin(file: string): Promise<string[]> {
  const path = resolve(file)
  if (!existsSync(path))
    throw new VisslError(ExitCode.usage, `there is no plug-in ${file}`, 'check the path after --plugin')
  const before = new Set(registeredParts())
  let exports: Record<string, unknown>
  try {
    exports = (await import(pathToFileURL(path).href)) as Record<string, unknown>
  } catch (error) {
    throw new VisslError(
      ExitCode.usage,
      `plug-in ${file} does not load: ${(error as Error).message}`,
      undefined,
      { cause: error },
    )
  }
  const parts = Object.values(exports).flatMap(registerPart)
  const registered = [...new Set([...parts, ...registeredParts().filter((part) => !before.has(part))])]
  if (registered.length === 0) {
    throw new VisslError(
      ExitCode.usage,
      `plug-in ${file} exports no class that extends ${kinds.map(({ base }) => base).join(', ')}`,
      "export a class with  static readonly key = 'name'",
    )
  }
  return registered
}

function registerPart(value: unknown): string[] {
  if (typeof value !== 'function') return []
  const prototype: unknown = value.prototype
  if (typeof prototype !== 'object' || prototype === null) return []
  const found = kinds.find(({ matches }) => matches(prototype))
  if (found === undefined) return []
  const { key } = value as unknown as { key?: unknown }
  if (typeof key !== 'string' || key === '') {
    throw new VisslError(
      ExitCode.usage,
      `class ${value.name} has no static key`,
      `add  static readonly key = '${value.name.toLowerCase()}'  to it`,
    )
  }
  const { registry } = found
  registry.register(key, value as never)
  return [`${registry.kind} ${key}`]
}
