import { ExitCode, VisslError } from '../errors.ts'

/** An error of a tensor operation. Its message names the operator and the shapes it was given. */
export class TorchError extends VisslError {
  readonly operator: string

  constructor(operator: string, message: string, exitCode: ExitCode = ExitCode.internal, fix?: string) {
    super(exitCode, operator === '' ? message : `${operator}: ${message}`, fix)
    this.operator = operator
  }
}

/** An index lies outside its dimension. */
export class TorchIndexError extends TorchError {}
/** A value, shape or enum is not allowed. */
export class TorchValueError extends TorchError {}
/** An argument has the wrong type or is missing, or there are too many. */
export class TorchTypeError extends TorchError {}
/** The operator does not exist for this dtype, device or libtorch. */
export class TorchNotImplementedError extends TorchError {}
/** A matrix is singular or a decomposition did not converge. */
export class TorchLinalgError extends TorchError {}
/** Memory of the device or the machine is exhausted. */
export class TorchOutOfMemoryError extends TorchError {
  constructor(operator: string, message: string) {
    super(operator, message, ExitCode.environment, 'use a smaller batch, smaller crops or a smaller model')
  }
}
/** A tensor is used after `free()` or after the scope that made it. */
export class TensorFreedError extends TorchError {
  constructor(operator: string) {
    super(
      operator,
      'a tensor that was already freed is used again',
      ExitCode.internal,
      'return it from its scope, or call keep() on it inside',
    )
  }
}

/** Makes the error class for the native side's `[kind, message]`. */
export function torchError(operator: string, kind: string, message: string): TorchError {
  const text = message.trim()
  switch (kind) {
    case 'index':
      return new TorchIndexError(operator, text)
    case 'value':
      return new TorchValueError(operator, text)
    case 'type':
      return new TorchTypeError(operator, text)
    case 'not implemented':
      return new TorchNotImplementedError(operator, text)
    case 'out of memory':
      return new TorchOutOfMemoryError(operator, text)
    case 'linalg':
      return new TorchLinalgError(operator, text)
    case 'freed':
      return new TensorFreedError(operator)
    default:
      return new TorchError(operator, text)
  }
}
