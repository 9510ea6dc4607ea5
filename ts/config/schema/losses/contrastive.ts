import { z } from 'zod'
import { choice, count, flag, group, integer, own, positive, real, reals } from '../fields.ts'

const bufferParams = group(
  {
    world_size: count(64, 'processes (filled in)'),
    embedding_dim: count(128, 'D, length of an embedding'),
    effective_batch_size: count(4096, 'embeddings of all processes together (filled in)'),
  },
  'sizes',
)

/** `LOSS.simclr_info_nce_loss`. */
export const simclrParams = group(
  {
    temperature: positive(0.1, 'τ, divides the similarities; smaller is sharper'),
    buffer_params: bufferParams,
  },
  'NT-Xent of SimCLR',
)

/** `LOSS.multicrop_simclr_info_nce_loss`. */
export const multicropSimclrParams = group(
  {
    temperature: positive(0.1, 'τ, divides the similarities; smaller is sharper'),
    num_crops: count(2, 'crops of an image (filled in)'),
    buffer_params: bufferParams,
  },
  'NT-Xent over more than two crops',
)

/** `LOSS.moco_loss`. */
export const mocoParams = group(
  {
    embedding_dim: count(128, 'D, length of an embedding'),
    queue_size: count(65536, 'K, negative keys; a multiple of the global batch'),
    momentum: z.number().min(0).max(1).default(0.999).describe('of the moving average of weights'),
    temperature: positive(0.2, 'τ, divides the similarities'),
  },
  'MoCo',
)

/** `LOSS.nce_loss_with_memory`. */
export const nceParams = group(
  {
    loss_type: choice(['nce', 'cross_entropy'], 'nce', 'estimator'),
    norm_embedding: flag(true, 'scale embeddings to length 1'),
    temperature: positive(0.07, 'divides the similarities'),
    loss_weights: reals([1], 'one weight for each embedding'),
    norm_constant: real(-1, 'partition constant Z; −1: estimated from the first batch'),
    update_mem_with_emb_index: integer(-100, 'embedding that is written to memory; −100: the only one'),
    negative_sampling_params: group(
      {
        num_negatives: count(16000, 'negatives of each image'),
        type: choice(['random', 'debug'], 'random', 'how they are drawn; both are uniform'),
      },
      'negatives',
    ),
    memory_params: group(
      {
        memory_size: integer(-1, 'rows; always the number of training images'),
        embedding_dim: count(128, 'columns'),
        momentum: z.number().min(0).max(1).default(0.5).describe('weight of the old value in an update'),
        norm_init: flag(true, 'start from rows of length 1'),
        update_mem_on_forward: flag(true, 'every embedding updates the memory'),
      },
      'memory bank',
    ),
    num_train_samples: integer(-1, 'images of the training set (filled in)'),
    ignore_index: z.int().optional().describe('samples with this target do not count; −1 unless given'),
  },
  'noise-contrastive estimation with a memory bank (NPID, PIRL)',
)

/** `LOSS.mocov3_loss`. */
export const mocov3Params = group(
  {
    temperature: positive(0.2, 'τ, divides the similarities'),
    momentum: z
      .number()
      .min(0)
      .max(1)
      .default(0.99)
      .describe('of the moving average of weights at the start'),
  },
  own('MoCo v3'),
)

/** `LOSS.nnclr_loss`. */
export const nnclrParams = group(
  {
    embedding_dim: count(128, 'D, length of an embedding'),
    temperature: positive(0.1, 'τ, divides the similarities'),
    queue_size: count(98304, 'embeddings among which nearest neighbours are found'),
  },
  own('NNCLR'),
)
