import { z } from 'zod'
import { choice, count, flag, nonNegative, own, positive, real } from './fields.ts'

/** Presets of the RegNet trunk by `REGNET.name`: its five numbers, and whether blocks have squeeze-and-excitation. */
export const regnetPresets = {
  regnet_y_400mf: { depth: 16, w_0: 48, w_a: 27.89, w_m: 2.09, group_width: 8, use_se: true },
  regnet_y_800mf: { depth: 14, w_0: 56, w_a: 38.84, w_m: 2.4, group_width: 16, use_se: true },
  'regnet_y_1.6gf': { depth: 27, w_0: 48, w_a: 20.71, w_m: 2.65, group_width: 24, use_se: true },
  'regnet_y_3.2gf': { depth: 21, w_0: 80, w_a: 42.63, w_m: 2.66, group_width: 24, use_se: true },
  regnet_y_8gf: { depth: 17, w_0: 192, w_a: 76.82, w_m: 2.19, group_width: 56, use_se: true },
  regnet_y_16gf: { depth: 18, w_0: 200, w_a: 106.23, w_m: 2.48, group_width: 112, use_se: true },
  regnet_y_32gf: { depth: 20, w_0: 232, w_a: 115.89, w_m: 2.53, group_width: 232, use_se: true },
  regnet_y_64gf: { depth: 20, w_0: 368, w_a: 102.79, w_m: 2.05, group_width: 496, use_se: true },
  regnet_y_128gf: { depth: 27, w_0: 456, w_a: 160.83, w_m: 2.52, group_width: 264, use_se: true },
  regnet_y_256gf: { depth: 27, w_0: 640, w_a: 124.47, w_m: 2.04, group_width: 848, use_se: true },
  regnet_x_400mf: { depth: 22, w_0: 24, w_a: 24.48, w_m: 2.54, group_width: 16, use_se: false },
  regnet_x_800mf: { depth: 16, w_0: 56, w_a: 35.73, w_m: 2.28, group_width: 16, use_se: false },
  'regnet_x_1.6gf': { depth: 18, w_0: 80, w_a: 34.01, w_m: 2.25, group_width: 24, use_se: false },
  'regnet_x_3.2gf': { depth: 25, w_0: 88, w_a: 26.31, w_m: 2.25, group_width: 48, use_se: false },
  regnet_x_8gf: { depth: 23, w_0: 80, w_a: 49.56, w_m: 2.88, group_width: 120, use_se: false },
  regnet_x_16gf: { depth: 22, w_0: 216, w_a: 55.59, w_m: 2.1, group_width: 128, use_se: false },
  regnet_x_32gf: { depth: 23, w_0: 320, w_a: 69.86, w_m: 2.0, group_width: 168, use_se: false },
} as const

/** Presets of the vision transformer by `VISION_TRANSFORMERS.name`. */
export const visionTransformerPresets = {
  vit_ti_16: { PATCH_SIZE: 16, NUM_LAYERS: 12, NUM_HEADS: 3, HIDDEN_DIM: 192, MLP_DIM: 768 },
  vit_s_16: { PATCH_SIZE: 16, NUM_LAYERS: 12, NUM_HEADS: 6, HIDDEN_DIM: 384, MLP_DIM: 1536 },
  vit_s_8: { PATCH_SIZE: 8, NUM_LAYERS: 12, NUM_HEADS: 6, HIDDEN_DIM: 384, MLP_DIM: 1536 },
  vit_b_32: { PATCH_SIZE: 32, NUM_LAYERS: 12, NUM_HEADS: 12, HIDDEN_DIM: 768, MLP_DIM: 3072 },
  vit_b_16: { PATCH_SIZE: 16, NUM_LAYERS: 12, NUM_HEADS: 12, HIDDEN_DIM: 768, MLP_DIM: 3072 },
  vit_b_8: { PATCH_SIZE: 8, NUM_LAYERS: 12, NUM_HEADS: 12, HIDDEN_DIM: 768, MLP_DIM: 3072 },
  vit_l_32: { PATCH_SIZE: 32, NUM_LAYERS: 24, NUM_HEADS: 16, HIDDEN_DIM: 1024, MLP_DIM: 4096 },
  vit_l_16: { PATCH_SIZE: 16, NUM_LAYERS: 24, NUM_HEADS: 16, HIDDEN_DIM: 1024, MLP_DIM: 4096 },
  vit_h_14: { PATCH_SIZE: 14, NUM_LAYERS: 32, NUM_HEADS: 16, HIDDEN_DIM: 1280, MLP_DIM: 5120 },
} as const

/** Presets of ConvNeXt by `CONVNEXT.name`. */
export const convnextPresets = {
  convnext_tiny: { depths: [3, 3, 9, 3], widths: [96, 192, 384, 768] },
  convnext_small: { depths: [3, 3, 27, 3], widths: [96, 192, 384, 768] },
  convnext_base: { depths: [3, 3, 27, 3], widths: [128, 256, 512, 1024] },
  convnext_large: { depths: [3, 3, 27, 3], widths: [192, 384, 768, 1536] },
} as const

const names = <T extends string>(presets: Readonly<Record<T, unknown>>) =>
  z.enum(Object.keys(presets) as [T, ...T[]])

/** `RESNETS`. */
export const resnetShape = {
  DEPTH: z
    .literal([18, 34, 50, 101, 152, 200], { error: 'must be one of 18, 34, 50, 101, 152, 200' })
    .default(50)
    .describe('layers: 50, 101, 152, 200, or with basic blocks 18 and 34 (these two not in VISSL)'),
  WIDTH_MULTIPLIER: count(1, 'factor on the channels of the stem and of all stages'),
  NORM: choice(
    ['BatchNorm', 'LayerNorm', 'GroupNorm'],
    'BatchNorm',
    'normalisation; LayerNorm is GroupNorm of one group, GroupNorm needs GROUPNORM_GROUPS',
  ),
  GROUPS: count(1, 'groups of the 3×3 convolutions (ResNeXt)'),
  ZERO_INIT_RESIDUAL: flag(false, 'accepted; it changes nothing, as in VISSL'),
  WIDTH_PER_GROUP: count(64, 'width of a group in a bottleneck'),
  LAYER4_STRIDE: z
    .literal([1, 2], { error: 'must be 1 or 2' })
    .default(2)
    .describe('stride of the last stage: 1 or 2'),
  GROUPNORM_GROUPS: z.int().min(1).optional().describe('groups of GroupNorm; VISSL 0.1.6 has 32'),
  STANDARDIZE_CONVOLUTIONS: z
    .boolean()
    .optional()
    .describe('give the filters of convolutions mean 0 and deviation 1 (VISSL 0.1.6); false unless given'),
  STEM: choice(
    ['imagenet', 'small', 'small_stride2'],
    'imagenet',
    own('imagenet: 7×7 stride 2 and max-pool; small: 3×3 stride 1; small_stride2: 3×3 stride 2, no max-pool'),
  ),
  BASE_WIDTH: count(64, own('channels of the stem and of stage 1')),
}

/** `REGNET`: a preset's name, or the five numbers that widths and depths follow from. */
export const regnetShape = {
  name: names(regnetPresets).optional().describe('preset; without it depth to group_width are needed'),
  depth: z.int().min(1).max(1000).optional().describe('blocks in all'),
  w_0: z.int().min(8).multipleOf(8).optional().describe('width of the first block, a multiple of 8'),
  w_a: z.number().min(0).optional().describe('growth of the width from block to block'),
  w_m: z.number().gt(1).optional().describe('factor between the widths of stages, above 1'),
  group_width: z.int().min(1).optional().describe('width of a group of the 3×3 convolutions'),
  stem_type: choice(
    ['simple_stem_in', 'res_stem_in', 'res_stem_cifar'],
    'simple_stem_in',
    'simple_stem_in: 3×3 stride 2; res_stem_in: 7×7 stride 2 and max-pool; res_stem_cifar: 3×3 stride 1',
  ),
  stem_width: count(32, 'channels of the stem'),
  block_type: choice(
    ['res_bottleneck_block', 'res_basic_block', 'vanilla_block'],
    'res_bottleneck_block',
    'res_bottleneck_block: 1×1, 3×3, 1×1; res_basic_block: 3×3, 3×3; vanilla_block: the same without shortcut',
  ),
  use_se: flag(true, 'squeeze-and-excitation in bottleneck blocks; a preset decides it for itself'),
  se_ratio: z
    .number()
    .gt(0)
    .max(1)
    .default(0.25)
    .describe('width of the squeeze relative to the input of the block'),
  bn_epsilon: positive(1e-5, 'eps of batch normalisation'),
  bn_momentum: real(0.1, 'momentum of batch normalisation'),
}

/** `EFFICIENT_NETS`. */
export const efficientNetShape = {
  model_version: z.enum(['B0', 'B1', 'B2', 'B3', 'B4', 'B5', 'B6', 'B7']).describe('B0 to B7'),
  bn_momentum: real(0.01, 'momentum of batch normalisation'),
  bn_epsilon: positive(1e-3, 'eps of batch normalisation'),
  width_divisor: count(8, 'widths are multiples of it'),
  min_width: z.int().min(1).nullable().default(null).describe('least width; null: width_divisor'),
  drop_connect_rate: z.number().min(0).lt(1).default(0.2).describe('stochastic depth of the last block'),
  use_se: flag(true, 'squeeze-and-excitation'),
}

/** `VISION_TRANSFORMERS`, as VISSL 0.1.6 has it. */
export const visionTransformerShape = {
  name: names(visionTransformerPresets)
    .nullable()
    .default(null)
    .describe('preset; it decides patch, layers, heads and widths'),
  IMAGE_SIZE: count(224, 'pixels a side that the positional embedding is made for'),
  PATCH_SIZE: count(16, 'pixels a side of a patch'),
  NUM_LAYERS: count(12, 'blocks'),
  NUM_HEADS: count(12, 'attention heads'),
  HIDDEN_DIM: count(768, 'width of a token'),
  MLP_DIM: count(3072, 'width between the two layers of a block’s perceptron'),
  DROPOUT_RATE: z.number().min(0).max(1).default(0).describe('dropout of embeddings and layers'),
  ATTENTION_DROPOUT_RATE: z.number().min(0).max(1).default(0).describe('dropout of attention weights'),
  CLASSIFIER: choice(['token', 'gap'], 'token', 'output: the class token, or the mean of all patches'),
  DROP_PATH_RATE: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('stochastic depth of the last block; earlier blocks less'),
  QKV_BIAS: flag(false, 'offset of queries, keys and values'),
  QK_SCALE: z
    .union([z.literal(false), z.number().positive()])
    .default(false)
    .describe('factor on the products of queries and keys; false: (HIDDEN_DIM / NUM_HEADS)^−½'),
}

/** `CONVNEXT`, which VISSL does not have. */
export const convnextShape = {
  name: names(convnextPresets).default('convnext_tiny').describe('preset'),
  drop_path_rate: z.number().min(0).lt(1).default(0).describe('stochastic depth of the last block'),
  layer_scale: nonNegative(1e-6, 'initial factor of each residual branch'),
}

/** The keys of a shape without their defaults: what a configuration may set, nothing more. */
export function withoutDefaults<S extends z.ZodRawShape>(shape: S) {
  const entries = Object.entries(shape).map(([key, field]) => {
    const inner = field instanceof z.ZodDefault ? (field.unwrap() as z.ZodType) : (field as z.ZodType)
    const { description } = field as z.ZodType
    const optional = inner.optional()
    return [key, description === undefined ? optional : optional.describe(description)]
  })
  return Object.fromEntries(entries) as { [K in keyof S]: z.ZodOptional<z.ZodType> }
}
