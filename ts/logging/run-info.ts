import { readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, hostname, platform, release, totalmem } from 'node:os'

/** What `run.json` holds. */
export interface RunInfo {
  readonly name: string
  readonly started: string
  readonly finished?: string
  readonly exitCode?: number
  readonly command: readonly string[]
  readonly cwd: string
  readonly seed: number
  readonly config: string
  readonly versions: { readonly [part: string]: string }
  readonly machine: {
    readonly host: string
    readonly system: string
    readonly cpu: string
    readonly cores: number
    readonly memoryGiB: number
    readonly device: string
  }
}

/** The part of {@link RunInfo} that only the program that runs knows. */
export interface RunInfoInput {
  readonly name: string
  readonly command: readonly string[]
  readonly cwd: string
  readonly seed: number
  /** Name or file of the base configuration. */
  readonly config: string
  /** `cpu`, or the name of the GPU. */
  readonly device: string
  /** Further versions: `{ libtorch: '2.13.0' }`. */
  readonly versions?: { readonly [part: string]: string }
  readonly started?: Date
}

/** Version of this package. */
export function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

/** Gathers what makes a run reproducible. */
export function runInfo(input: RunInfoInput): RunInfo {
  const { name, command, cwd, seed, config, device, versions = {}, started = new Date() } = input
  return {
    name,
    started: started.toISOString(),
    command,
    cwd,
    seed,
    config,
    versions: { vissl: packageVersion(), node: process.versions.node, ...versions },
    machine: {
      host: hostname(),
      system: `${platform()} ${release()} ${arch()}`,
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      device,
    },
  }
}
