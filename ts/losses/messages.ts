import { Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'

/** An error in how a loss is used. */
export function lossError(loss: string, message: string, fix?: string): VisslError {
  return new VisslError(ExitCode.usage, `${loss}: ${message}`, fix)
}

/** The rows and columns of an output. @throws VisslError unless it is one tensor with two dimensions */
export function matrix(
  loss: string,
  output: Tensor | Tensor[],
  dim?: number,
): [rows: number, columns: number] {
  if (!(output instanceof Tensor)) {
    throw lossError(loss, `takes one tensor, and the model gave ${output.length}`, 'use one head')
  }
  const { shape } = output
  const [rows, columns] = shape
  if (rows === undefined || columns === undefined || shape.length !== 2) {
    throw lossError(loss, `takes N×D embeddings, got ${shape.join('×')}`)
  }
  if (dim !== undefined && columns !== dim) {
    throw lossError(
      loss,
      `embedding_dim is ${dim}, got ${rows}×${columns} embeddings`,
      `set embedding_dim in config.LOSS.${loss} to ${columns}, or the last of config.MODEL.HEAD.PARAMS to ${dim} outputs`,
    )
  }
  return [rows, columns]
}

/** Rows of one crop. @throws VisslError when the rows are no multiple of the crops */
export function rowsPerCrop(loss: string, rows: number, crops: number): number {
  if (rows > 0 && rows % crops === 0) return rows / crops
  throw lossError(
    loss,
    `${rows} rows do not come from ${crops} crops of every image`,
    'check that COLLATE_FUNCTION and the crops of the transforms fit the loss',
  )
}

/** A list of outputs, whatever the number. */
export const listOf = (output: Tensor | Tensor[]): Tensor[] => (Array.isArray(output) ? output : [output])
