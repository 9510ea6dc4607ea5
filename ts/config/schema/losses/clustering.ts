import { z } from 'zod'
import { count, flag, group, integer, integers, positive, text } from '../fields.ts'

const momentum = (value: number) => z.number().min(0).max(1).default(value)
const natural = (value: number, description: string) => z.int().min(0).default(value).describe(description)

/** Keys that both SwAV losses have. */
const swav = {
  embedding_dim: count(128, 'D, length of an embedding (filled in)'),
  temperature: positive(0.1, 'divides the scores'),
  use_double_precision: flag(false, 'assign in float64'),
  normalize_last_layer: flag(true, 'normalise prototypes after each update'),
  num_iters: natural(3, 'Sinkhorn iterations'),
  epsilon: positive(0.05, 'sharpness of the assignment'),
  num_crops: count(2, 'crops of an image (filled in)'),
  crops_for_assign: integers([0, 1], 'crops that give codes'),
  num_prototypes: integers([3000], 'prototypes of each prototype head (filled in)'),
  queue: group(
    {
      queue_length: natural(0, 'length of the queue over all processes'),
      start_iter: natural(0, 'iteration from which the queue is used'),
      local_queue_length: natural(0, 'length in one process (filled in)'),
    },
    'queue of embeddings',
  ),
}

/** `LOSS.swav_loss`. */
export const swavParams = group(
  {
    ...swav,
    temp_hard_assignment_iters: natural(0, 'iterations with hard codes'),
    output_dir: text('', 'folder of diagnostics (filled in)'),
  },
  'SwAV',
)

/** `LOSS.swav_momentum_loss`. */
export const swavMomentumParams = group(
  {
    momentum: momentum(0.99).describe('of the moving average of weights'),
    momentum_eval_mode_iter_start: natural(
      0,
      'iteration from which the momentum encoder is in evaluation mode',
    ),
    ...swav,
  },
  'SwAV with a momentum encoder',
)

/** `LOSS.deepclusterv2_loss`. */
export const deepClusterParams = group(
  {
    DROP_LAST: flag(true, 'copy of DATA.TRAIN.DROP_LAST (filled in)'),
    BATCHSIZE_PER_REPLICA: count(256, 'copy of DATA.TRAIN.BATCHSIZE_PER_REPLICA (filled in)'),
    num_crops: count(2, 'crops of an image (filled in)'),
    temperature: positive(0.1, 'divides the scores'),
    num_clusters: integers([3000, 3000, 3000], 'prototypes of each clustering'),
    kmeans_iters: natural(10, 'iterations of a clustering'),
    memory_params: group(
      {
        crops_for_mb: integers([0], 'crops that are kept in memory banks'),
        embedding_dim: count(128, 'D, length of an embedding'),
      },
      'memory banks',
    ),
    num_train_samples: integer(-1, 'images of the training set (filled in)'),
  },
  'DeepCluster v2',
)

/** `LOSS.dino_loss`. */
export const dinoParams = group(
  {
    momentum: momentum(0.996).describe('of the moving average of weights at the start; 1 at the end'),
    student_temp: positive(0.1, 'divides the student’s scores'),
    teacher_temp_min: positive(0.04, 'divides the teacher’s scores at the start'),
    teacher_temp_max: positive(0.07, 'divides the teacher’s scores after the warm-up'),
    teacher_temp_warmup_iters: natural(37500, 'iterations of the warm-up'),
    crops_for_teacher: integers([0, 1], 'crops that the teacher sees'),
    ema_center: momentum(0.9).describe('of the moving average of the teacher’s scores'),
    normalize_last_layer: flag(true, 'normalise prototypes after each update'),
    output_dim: count(65536, 'K, prototypes'),
  },
  'DINO (VISSL 0.1.6)',
)
