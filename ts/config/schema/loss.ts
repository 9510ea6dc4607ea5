import { z } from 'zod'
import {
  choice,
  count,
  flag,
  group,
  integer,
  integers,
  nonNegative,
  openGroup,
  positive,
  real,
  reals,
  text,
} from './fields.ts'

const infoNceBuffer = group(
  {
    world_size: count(64, 'processes (filled in)'),
    embedding_dim: count(128, 'D, length of an embedding'),
    effective_batch_size: count(4096, 'embeddings of all processes together (filled in)'),
  },
  'sizes',
)

const memoryQueue = group(
  {
    queue_length: z.int().min(0).default(0).describe('length of the queue over all processes'),
    start_iter: z.int().min(0).default(0).describe('iteration from which the queue is used'),
    local_queue_length: z.int().min(0).default(0).describe('length in one process (filled in)'),
  },
  'queue of embeddings',
)

/** Keys that both SwAV losses have. */
const swav = {
  embedding_dim: count(128, 'D, length of an embedding (filled in)'),
  temperature: positive(0.1, 'divides the scores'),
  use_double_precision: flag(false, 'assign in float64'),
  normalize_last_layer: flag(true, 'normalise prototypes after each update'),
  num_iters: count(3, 'Sinkhorn iterations'),
  epsilon: positive(0.05, 'sharpness of the assignment'),
  num_crops: count(2, 'crops of an image (filled in)'),
  crops_for_assign: integers([0, 1], 'crops that give codes'),
  num_prototypes: integers([3000], 'prototypes of each prototype head (filled in)'),
  queue: memoryQueue,
}

/** `LOSS`: which loss, and a block of parameters for each loss. */
export const lossSchema = openGroup(
  {
    name: text('CrossEntropyLoss', 'name of a registered loss'),
    CrossEntropyLoss: openGroup({ ignore_index: integer(-1, 'target that is left out') }, 'cross entropy'),
    cross_entropy_multiple_output_single_target: group(
      {
        weight: z.array(z.number()).nullable().default(null).describe('weight of each class'),
        reduction: text('mean', 'always mean'),
        ignore_index: integer(-1, 'target that is left out'),
        normalize_output: flag(false, 'normalise outputs to length 1'),
        temperature: positive(1, 'divides the outputs'),
      },
      'cross entropy of several outputs with one target',
    ),
    bce_logits_multiple_output_single_target: group(
      {
        reduction: text('none', 'always none'),
        world_size: count(1, 'processes (filled in)'),
        normalize_output: flag(false, 'normalise outputs to length 1'),
      },
      'binary cross entropy of several outputs with one target',
    ),
    nce_loss_with_memory: group(
      {
        loss_type: choice(['nce', 'cross_entropy'], 'nce', 'estimator'),
        norm_embedding: flag(true, 'normalise embeddings to length 1'),
        temperature: positive(0.07, 'divides the similarities'),
        loss_weights: reals([1], 'one weight for each embedding'),
        norm_constant: real(-1, 'partition constant; −1: estimated from the first batch'),
        update_mem_with_emb_index: integer(-100, 'embedding that is written to memory; −100: the only one'),
        negative_sampling_params: group(
          {
            num_negatives: count(16000, 'negatives of each image'),
            type: choice(['random', 'debug'], 'random', 'how they are drawn'),
          },
          'negatives',
        ),
        memory_params: group(
          {
            memory_size: integer(-1, 'rows; −1: number of training images'),
            embedding_dim: count(128, 'columns'),
            momentum: z.number().min(0).max(1).default(0.5).describe('weight of the old value in an update'),
            norm_init: flag(true, 'start from rows of length 1'),
            update_mem_on_forward: flag(true, 'update within the loss'),
          },
          'memory bank',
        ),
        num_train_samples: integer(-1, 'images of the training set (filled in)'),
      },
      'noise-contrastive estimation with a memory bank (NPID, PIRL)',
    ),
    simclr_info_nce_loss: group(
      { temperature: positive(0.1, 'τ, divides the similarities'), buffer_params: infoNceBuffer },
      'NT-Xent of SimCLR',
    ),
    multicrop_simclr_info_nce_loss: group(
      {
        temperature: positive(0.1, 'τ, divides the similarities'),
        num_crops: count(2, 'crops of an image (filled in)'),
        buffer_params: infoNceBuffer,
      },
      'NT-Xent over more than two crops',
    ),
    swav_loss: group(
      {
        ...swav,
        temp_hard_assignment_iters: z.int().min(0).default(0).describe('iterations with hard codes'),
        output_dir: text('', 'folder of diagnostics (filled in)'),
      },
      'SwAV',
    ),
    swav_momentum_loss: group(
      {
        momentum: z.number().min(0).max(1).default(0.99).describe('of the moving average of weights'),
        momentum_eval_mode_iter_start: z
          .int()
          .min(0)
          .default(0)
          .describe('iteration from which the momentum encoder is in evaluation mode'),
        ...swav,
      },
      'SwAV with a momentum encoder',
    ),
    deepclusterv2_loss: group(
      {
        DROP_LAST: flag(true, 'copy of DATA.TRAIN.DROP_LAST (filled in)'),
        BATCHSIZE_PER_REPLICA: count(256, 'copy of DATA.TRAIN.BATCHSIZE_PER_REPLICA (filled in)'),
        num_crops: count(2, 'crops of an image (filled in)'),
        temperature: positive(0.1, 'divides the scores'),
        num_clusters: integers([3000, 3000, 3000], 'prototypes of each clustering'),
        kmeans_iters: count(10, 'iterations of a clustering'),
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
    ),
    moco_loss: group(
      {
        embedding_dim: count(128, 'D, length of an embedding'),
        queue_size: count(65536, 'negative keys'),
        momentum: nonNegative(0.999, 'of the moving average of weights'),
        temperature: positive(0.2, 'τ, divides the similarities'),
      },
      'MoCo',
    ),
  },
  'the loss and the parameters of each loss',
)
