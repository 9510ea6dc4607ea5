import type { TrainingBatch } from '../data/index.ts'
import type { Tensor } from '../engine/index.ts'
import type { ModelBatch } from '../models/index.ts'
import type { Sample, Target } from './sample.ts'

/** What one step has produced so far; tensors live until its end. */
export interface StepState {
  readonly batch: TrainingBatch
  /** Every tensor of the batch by key. */
  readonly sample: Sample
  /** What the model is given: images, crops, or a map of inputs. */
  readonly input: ModelBatch
  readonly target: Target
  /** What the model gave; a list of one is unwrapped. */
  output: Tensor | Tensor[] | undefined
  /** The loss, mean over all processes; NaN before it is known. */
  loss: number
  /** Images of this process's batch, each counted once whatever the number of its views. */
  readonly batchSize: number
}
