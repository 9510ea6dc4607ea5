import { ops, type Tensor } from '../../engine/index.ts'
import { Layer } from '../module.ts'

/** max(x, 0). */
export class ReLU extends Layer {
  readonly #inplace: boolean

  /** @param options.inplace write over the input, which must not be needed otherwise */
  constructor(options: { inplace?: boolean } = {}) {
    super()
    this.#inplace = options.inplace ?? false
  }

  override forward(input: Tensor): Tensor {
    return this.#inplace ? input.relu_() : ops.relu(input)
  }
}

/** x·Φ(x) (Hendrycks & Gimpel 2016, arXiv:1606.08415). */
export class GELU extends Layer {
  override forward(input: Tensor): Tensor {
    return ops.gelu(input)
  }
}

/** 1 / (1 + e⁻ˣ). */
export class Sigmoid extends Layer {
  override forward(input: Tensor): Tensor {
    return ops.sigmoid(input)
  }
}

/** x·sigmoid(x). */
export class SiLU extends Layer {
  override forward(input: Tensor): Tensor {
    return ops.silu(input)
  }
}
