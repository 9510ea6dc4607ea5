import type { z } from 'zod'
import { dinoParams } from '../config/schema/losses/index.ts'
import { allReduce } from '../distributed/index.ts'
import { isGradEnabled, noGrad, ops, type Tensor, TensorBuffer } from '../engine/index.ts'
import { type LossContext, losses } from './loss.ts'
import { listOf, lossError, rowsPerCrop } from './messages.ts'
import { MomentumLoss } from './momentum.ts'
import { type CropCodes, swappedPrediction } from './swav-codes.ts'
import { requireGiven } from './views.ts'

const KEY = 'dino_loss'

/**
 * DINO (Caron et al. 2021, arXiv:2104.14294): all crops must predict the sharpened, centred scores that a slowly
 * moving teacher gives to other crops.
 *
 * Input: the scores C·B×K, crop by crop (of a list, such as a `swav_head` gives, the last). A hook runs the teacher on
 * `crops_for_teacher` and sets {@link teacher} (T·B×K) and {@link iteration}. Output: a scalar, mean over the pairs of
 * a teacher's crop and another crop of the cross entropy. The centre follows the teacher's scores over all processes,
 * while gradients are recorded.
 *
 * @throws VisslError for sizes that do not fit
 */
export class DinoLoss extends MomentumLoss<z.output<typeof dinoParams>> {
  static readonly key = KEY
  static readonly params = dinoParams

  readonly encoderName = 'momentum_teacher'
  /** 1×K: moving mean of the teacher's scores. */
  readonly center: TensorBuffer
  /** Set before each call. */
  teacher: Tensor | undefined
  /** Training iteration from 0: decides on the teacher's temperature. Set before each call. */
  iteration = 0

  constructor(params?: unknown) {
    super(params)
    this.center = new TensorBuffer(ops.zeros([1, this.params.output_dim]))
  }

  override check({ crops }: LossContext): void {
    const { crops_for_teacher: own } = this.params
    if (crops >= 2 && own.length > 0 && own.every((crop) => crop >= 0 && crop < crops)) return
    throw lossError(
      KEY,
      `crops_for_teacher is [${own.join(', ')}], and the transforms make ${crops} crops`,
      'begin DATA.TRAIN.TRANSFORMS with ImgPilToMultiCrop, and use multicrop_collator',
    )
  }

  /** What the teacher's scores are divided by: it rises evenly during the warm-up. */
  get teacherTemperature(): number {
    const { teacher_temp_min: from, teacher_temp_max: to, teacher_temp_warmup_iters: steps } = this.params
    if (this.iteration >= steps) return to
    return steps === 1 ? from : from + ((to - from) * this.iteration) / (steps - 1)
  }

  override forward(output: Tensor | Tensor[]): Tensor {
    const { crops_for_teacher: own, student_temp, output_dim } = this.params
    const scores = listOf(output).at(-1)!
    const teacher = requireGiven(KEY, this.teacher, 'the output of the momentum teacher').detach()
    if (scores.shape[1] !== output_dim || teacher.shape[1] !== output_dim) {
      throw lossError(
        KEY,
        `output_dim is ${output_dim}, and the model gave ${scores.shape.join('×')} scores`,
        `set config.LOSS.${KEY}.output_dim to the num_clusters of the head`,
      )
    }
    const rows = rowsPerCrop(KEY, teacher.shape[0]!, own.length)
    const crops = scores.shape[0]! / rows
    if (!Number.isInteger(crops) || crops < 2) {
      throw lossError(KEY, `${scores.shape[0]} rows of the model and ${rows} images of the teacher`)
    }
    const targets = noGrad(() => {
      const sharp = teacher.sub(this.center).div(this.teacherTemperature).softmax(1)
      return own.map((crop, i): CropCodes => [crop, sharp.narrow(0, i * rows, rows)])
    })
    const loss = swappedPrediction(scores, crops, student_temp, targets)
    if (isGradEnabled()) this.#follow(teacher)
    return loss
  }

  #follow(teacher: Tensor): void {
    const { ema_center } = this.params
    noGrad(() => {
      const average = teacher.mean([0], true).to(this.center.dtype)
      allReduce(average, 'mean')
      this.center.mul_(ema_center).add_(average, { alpha: 1 - ema_center })
    })
  }
}

losses.register(KEY, DinoLoss)
