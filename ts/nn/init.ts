import { noGrad, ops, scope, type Tensor } from '../engine/index.ts'
import { shapesOnly } from './device.ts'

/** How many inputs and outputs one element of a weight connects: for out×in×k×k, in·k·k and out·k·k. */
export function fans(weight: Tensor): { fanIn: number; fanOut: number } {
  const [out, inputs, ...kernel] = weight.shape
  if (out === undefined || inputs === undefined) {
    throw new RangeError('fan in and fan out need a tensor of two or more dimensions')
  }
  const field = kernel.reduce((product, size) => product * size, 1)
  return { fanIn: inputs * field, fanOut: out * field }
}

/** Options of He's initialisations. */
export interface KaimingOptions {
  /** Negative slope of the leaky ReLU that follows; 0 for ReLU, √5 is the default of PyTorch's layers. */
  readonly a?: number
  readonly mode?: 'fan_in' | 'fan_out'
  /** `linear` takes no account of an activation. */
  readonly nonlinearity?: 'relu' | 'leaky_relu' | 'linear'
}

function kaimingStd(weight: Tensor, options: KaimingOptions): number {
  const { a = 0, mode = 'fan_in', nonlinearity = 'leaky_relu' } = options
  const { fanIn, fanOut } = fans(weight)
  const gain =
    nonlinearity === 'linear' ? 1 : nonlinearity === 'relu' ? Math.sqrt(2) : Math.sqrt(2 / (1 + a ** 2))
  return gain / Math.sqrt(mode === 'fan_in' ? fanIn : fanOut)
}

/** He's initialisation, uniform (He et al. 2015, arXiv:1502.01852). In place, like everything here. */
export function kaimingUniform_(weight: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(weight, options)
  return uniform_(weight, -bound, bound)
}

/** He's initialisation, normal. */
export function kaimingNormal_(weight: Tensor, options: KaimingOptions = {}): Tensor {
  return normal_(weight, 0, kaimingStd(weight, options))
}

/** Glorot's initialisation, uniform (Glorot & Bengio 2010). */
export function xavierUniform_(weight: Tensor, gain = 1): Tensor {
  const { fanIn, fanOut } = fans(weight)
  const bound = Math.sqrt(3) * (gain * Math.sqrt(2 / (fanIn + fanOut)))
  return uniform_(weight, -bound, bound)
}

export function uniform_(tensor: Tensor, from = 0, to = 1): Tensor {
  return noGrad(() => tensor.uniform_(from, to))
}

export function normal_(tensor: Tensor, mean = 0, std = 1): Tensor {
  return noGrad(() => tensor.normal_(mean, std))
}

export function constant_(tensor: Tensor, value: number): Tensor {
  return noGrad(() => tensor.fill_(value))
}

/** Normal within [a, b]: values outside are drawn anew, in the order PyTorch draws them. */
export function truncNormal_(tensor: Tensor, mean = 0, std = 1, a = -2, b = 2): Tensor {
  if (shapesOnly()) return tensor
  return noGrad(() =>
    scope(() => {
      const inside = normalCdf((b - mean) / std) - normalCdf((a - mean) / std)
      return inside > 0.3 ? rejectNormal(tensor, mean, std, a, b) : rejectUniform(tensor, mean, std, a, b)
    }),
  )
}

function rejectNormal(tensor: Tensor, mean: number, std: number, a: number, b: number): Tensor {
  const low = ops.full_like(tensor, a)
  const high = ops.full_like(tensor, b)
  tensor.normal_(mean, std)
  for (;;) {
    const outside = tensor.lt(low).logical_or(tensor.gt(high))
    if (outside.any().item() === 0) return tensor
    const drawn = ops.empty_like(tensor).normal_(mean, std)
    tensor.copy_(ops.where(outside, drawn, tensor))
  }
}

function rejectUniform(tensor: Tensor, mean: number, std: number, a: number, b: number): Tensor {
  const mode = Math.max(a, Math.min(mean, b))
  const logPeak = -0.5 * ((mode - mean) / std) ** 2
  const logDensity = (x: Tensor) => x.sub(mean).div_(std).pow_(2).mul_(-0.5).sub_(logPeak)
  const draw = ops.empty_like(tensor)
  tensor.uniform_(a, b)
  let pending = draw.uniform_().log_().gt(logDensity(tensor))
  while (pending.any().item() !== 0) {
    const candidates = ops.empty_like(tensor).uniform_(a, b)
    tensor.copy_(ops.where(pending, candidates, tensor))
    pending = pending.logical_and(draw.uniform_().log_().gt(logDensity(candidates)))
  }
  return tensor
}

/** Standard normal distribution function, to 1e-7 (Abramowitz & Stegun 7.1.26). */
function normalCdf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2
  const t = 1 / (1 + 0.3275911 * z)
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  const erf = 1 - series * Math.exp(-z * z)
  return 0.5 * (1 + Math.sign(x) * erf)
}
