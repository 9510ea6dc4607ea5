import { noGrad, Parameter, type Tensor } from '../../engine/index.ts'
import { functional, type Module } from '../../nn/index.ts'

/** A layer that gives scores. */
type Prototypes = Module & { call(embeddings: Tensor): Tensor }

/** The prototype layers of a network's `swav_head`, in order. */
export function prototypesOf(network: Module): Prototypes[] {
  const found: [number, Prototypes][] = []
  for (const [name, module] of network.namedModules()) {
    const number = /(?:^|\.)prototypes(\d+)$/.exec(name)?.[1]
    if (number !== undefined) found.push([Number(number), module as Prototypes])
  }
  return found.sort(([a], [b]) => a - b).map(([, module]) => module)
}

/** Scales every prototype of a network to length 1. */
export function normalizePrototypes(network: Module): void {
  noGrad(() => {
    for (const layer of prototypesOf(network)) {
      for (const [name, value] of layer.ownTensors()) {
        if (!(value instanceof Parameter)) continue
        if (name === 'weight' || name === 'weight_v') value.copy_(functional.normalize(value))
        // The length of prototypes with weight normalisation.
        else if (name === 'weight_g') value.fill_(1)
      }
    }
  })
}
