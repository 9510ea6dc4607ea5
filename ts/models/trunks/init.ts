import { BatchNorm, Conv2d, init, type Module } from '../../nn/index.ts'

/**
 * The initialisation that RegNet and EfficientNet share: filters from a normal distribution of variance 2/(k·k·out),
 * scales of batch normalisation 1 and offsets 0. Other parameters keep what they have.
 */
export function initConvNet(module: Module): void {
  for (const [, each] of module.namedModules()) {
    if (each instanceof Conv2d) {
      const [out, , height, width] = each.weight.shape as [number, number, number, number]
      init.normal_(each.weight, 0, Math.sqrt(2 / (height * width * out)))
    } else if (each instanceof BatchNorm) {
      if (each.weight !== null) init.constant_(each.weight, 1)
      if (each.bias !== null) init.constant_(each.bias, 0)
    }
  }
}
