import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { hostname, platform, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { lookup } from 'node:dns/promises'
import { availableParallelism } from 'node:os'
import { arch } from 'node:os'
import { libtorchRecord } from '../engine/libtorch.ts'

/** What one check found. */
export interface Finding {
  /** `ok` works, `note` works with a limit, `bad` does not work. */
  readonly state: 'ok' | 'note' | 'bad'
  readonly what: string
  readonly detail: string
  /** What to do about it; with `bad` and `note`. */
  readonly fix?: string
}
