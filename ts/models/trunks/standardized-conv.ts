import { ops, type Tensor } from '../../engine/index.ts'
import { Conv2d, shapesOnly } from '../../nn/index.ts'

/** A convolution whose filters have mean 0 and standard deviation 1 (Qiao et al. 2019, arXiv:1903.10520). */
export class StandardizedConv2d extends Conv2d {
  override forward(input: Tensor): Tensor {
    if (shapesOnly()) return super.forward(input)
    const centred = this.weight.sub(this.weight.mean([1, 2, 3], true))
    const deviation = ops.std(this.weight, [1, 2, 3], { correction: 1, keepdim: true })
    return this.convolve(input, centred.div(deviation.add(1e-5)))
  }
}
