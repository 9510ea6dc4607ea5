import { join } from 'node:path'
import { toStored } from '../checkpoint/contents.ts'
import { saveTorchFile } from '../checkpoint/torch-file.ts'
import { noGrad, scope, Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { writeFileWhole } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/**
 * Ends a run whose loss became NaN or infinite, before the update that would spread it. What the model took in and
 * gave is kept for a look in the run's folder: `rankR_input_sample.pth`, `rankR_model_output.pth` and the indices of
 * the images in `nonfinite-STEP.json`.
 */
export class NanCheckHook implements Hook {
  readonly name = 'nan-check'
  readonly #folder: string

  /** @param folder the run's */
  constructor(folder: string) {
    this.#folder = folder
  }

  onLossAndMeter(task: Task): void {
    const { loss } = task.step
    if (Number.isFinite(loss)) return
    const saved = task.lastCheckpoint
    const { culprit, fix } = findCulprit(task)
    const kept = this.#keep(task)
    throw new VisslError(
      ExitCode.nonFinite,
      `the loss became ${loss} at step ${task.iteration}; nothing was updated with it\n` +
        `  first non-finite: ${culprit}${kept === undefined ? '' : `; the batch is in ${kept}`}`,
      `${fix}${saved === undefined ? '' : `; the last good checkpoint is ${saved}`}`,
    )
  }

  /** @returns the file with the indices; undefined where nothing could be written: the run ends for another reason */
  #keep(task: Task): string | undefined {
    const { sample, input, output } = task.step
    const indices = sample.keys.includes('data_idx')
      ? sample.entries('data_idx').map((entry) => (entry instanceof Tensor ? entry.toArray() : []))
      : []
    const path = join(this.#folder, `nonfinite-${task.iteration}.json`)
    try {
      saveTorchFile(join(this.#folder, `rank${task.rank}_input_sample.pth`), toStored(input))
      saveTorchFile(join(this.#folder, `rank${task.rank}_model_output.pth`), toStored(output))
      writeFileWhole(path, `${JSON.stringify({ iteration: task.iteration, data_idx: indices })}\n`)
      return path
    } catch {
      return undefined
    }
  }
}

/** Follows the data from the images to the loss. */
function findCulprit(task: Task): { culprit: string; fix: string } {
  const smaller = 'lower the learning rate'
  const inputs = tensorsOf(task.step.input)
  if (!inputs.every(allFinite)) return { culprit: 'the images', fix: 'check the data and Normalize' }
  for (const [name, parameter] of task.model.namedParameters()) {
    if (!allFinite(parameter)) return { culprit: `the parameter ${name}`, fix: smaller }
  }
  for (const [name, buffer] of task.model.namedBuffers()) {
    if (!allFinite(buffer)) return { culprit: `the buffer ${name}`, fix: smaller }
  }
  if (!tensorsOf(task.step.output).every(allFinite)) {
    const scaler = task.updates.scaler
    if (scaler === undefined) return { culprit: "the model's output", fix: smaller }
    return {
      culprit: "the model's output in float16",
      fix: `try config.MODEL.AMP_PARAMS.AMP_TYPE=bfloat16 (scale ${scaler.scale}, ${task.updates.skipped} steps left out)`,
    }
  }
  return {
    culprit: `the loss itself: ${task.config.LOSS.name} got finite numbers`,
    fix: `${smaller} or raise the temperature`,
  }
}

function tensorsOf(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(tensorsOf) : []
}

function allFinite(tensor: Tensor): boolean {
  const { dtype } = tensor
  if (!dtype.startsWith('float') && dtype !== 'bfloat16') return true
  return noGrad(() => scope(() => tensor.isfinite().all().item() === 1))
}
