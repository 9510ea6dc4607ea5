import { unwatch } from './scope.ts'
import { Tensor } from './tensor.ts'

function takeOver(tensor: Tensor): number {
  const { handle } = tensor
  unwatch(tensor)
  tensor.handle = 0
  return handle
}

/** A trainable tensor of a module; takes over the tensor that it is made from and outlives every scope. */
export class Parameter extends Tensor {
  constructor(tensor: Tensor, requiresGrad = true) {
    super(takeOver(tensor))
    this.keep()
    this.requiresGrad = requiresGrad
  }
}

/** A tensor of a module that is saved but not trained, such as a running mean. */
export class TensorBuffer extends Tensor {
  /** Whether it belongs to the state dict. */
  readonly persistent: boolean

  constructor(tensor: Tensor, options: { persistent?: boolean } = {}) {
    super(takeOver(tensor))
    this.keep()
    this.persistent = options.persistent ?? true
  }
}
