import { parseParams } from '../nn/params.ts'
import { type Meter, meters } from './meter.ts'

/** The `METERS` block of the configuration: names of meters, and the parameters of each under its name. */
export interface MetersConfig {
  readonly name?: string | null
  /** Several meters (VISSL 0.1.6). */
  readonly names?: readonly string[]
  readonly [meter: string]: unknown
}

/**
 * Builds the meters that the configuration names, each once, in their order.
 *
 * @throws VisslError for an unknown name or parameters that do not fit
 */
export function buildMeters(config: MetersConfig): Meter[] {
  const names = new Set([config.name ?? '', ...(config.names ?? [])])
  names.delete('')
  return Array.from(names, (name) => {
    const kind = meters.get(name)
    return new kind(parseParams(`meter "${name}"`, kind.params, config[name]) as never)
  })
}
