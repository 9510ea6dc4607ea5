import { z } from 'zod'
import { flag } from './fields.ts'

const dims = z.array(z.int().min(1)).min(2).describe('widths from input to output')

/** `mlp`. */
export const mlpParams = z.strictObject({
  dims,
  use_bn: flag(false, 'batch normalisation after every linear layer'),
  use_relu: flag(false, 'ReLU after every linear layer'),
  use_dropout: flag(false, 'dropout of 0.5 after every linear layer'),
  use_bias: flag(true, 'offsets of the linear layers'),
  skip_last_layer_relu_bn: flag(false, 'leave the last linear layer bare, as VISSL 0.1.6 does by default'),
})

/** `eval_mlp`. */
export const evalMlpParams = z.strictObject({
  in_channels: z.int().min(1).describe('channels of the feature before flattening'),
  dims,
  use_bn: flag(false, 'batch normalisation after every linear layer'),
  use_relu: flag(false, 'ReLU after every linear layer'),
})

/** `siamese_concat_view`. */
export const siameseConcatViewParams = z.strictObject({
  num_towers: z.int().min(1).describe('consecutive rows of a batch that become one'),
})

/** `swav_head`. */
export const swavHeadParams = z.strictObject({
  dims,
  use_bn: flag(false, 'batch normalisation between linear layers'),
  num_clusters: z
    .array(z.int().min(1))
    .describe('prototypes of each set of prototypes; an empty list: embeddings alone'),
  use_bias: flag(true, 'offsets of the linear layers'),
  return_embeddings: flag(true, 'return the embeddings before the scores'),
  skip_last_bn: flag(true, 'leave the last linear layer bare'),
  normalize_feats: flag(true, 'scale embeddings to length 1'),
  activation_name: z
    .enum(['ReLU', 'GELU'])
    .default('ReLU')
    .describe('activation between linear layers (VISSL 0.1.6)'),
  use_weight_norm_prototypes: flag(
    false,
    'prototypes of length 1, by weight normalisation with g = 1 (VISSL 0.1.6)',
  ),
})
