import { z } from 'zod'
import { choice, count, flag, group, integer, openGroup, own, positive, real, text, texts } from './fields.ts'
import { gradClipSchema } from './training.ts'
import {
  convnextShape,
  efficientNetShape,
  regnetShape,
  resnetShape,
  visionTransformerShape,
  withoutDefaults,
} from './trunks.ts'
import { unused } from './unused.ts'

// VISSL looks at two elements, and has configurations with more.
const head = z.tuple([z.string(), z.record(z.string(), z.unknown())], z.unknown())

/** `MODEL`: trunk, heads and how they are run. */
export const modelSchema = group(
  {
    CUDA_CACHE: group(
      {
        CLEAR_CUDA_CACHE: flag(false, "empty the CUDA allocator's cache from time to time"),
        CLEAR_FREQ: count(100, 'iterations between two clearings'),
      },
      unused('cache of the CUDA allocator', 'the allocator keeps its memory'),
    ),
    BASE_MODEL_NAME: choice(
      ['multi_input_output_model'],
      'multi_input_output_model',
      'kind of model (VISSL 0.1.6); accepted, there is one: a trunk and heads',
    ),
    NON_TRAINABLE_PARAMS: texts([], 'exact names of parameters that are never trained'),
    TEMP_FROZEN_PARAMS_ITER_MAP: z
      .array(z.tuple([z.string(), z.int()]))
      .default([])
      .describe('pairs of a parameter and the iterations for which it stays frozen'),
    INPUT_TYPE: choice(['rgb', 'bgr', 'lab'], 'rgb', 'channels that the trunk is given'),
    MULTI_INPUT_HEAD_MAPPING: z
      .array(z.tuple([z.string(), z.array(z.string())]))
      .default([])
      .describe('pairs of an input key and the trunk features of its head'),
    SINGLE_PASS_EVERY_CROP: flag(false, 'one pass of the trunk for each crop instead of each resolution'),
    ACTIVATION_CHECKPOINTING: group(
      {
        USE_ACTIVATION_CHECKPOINTING: flag(false, 'compute activations again in backward'),
        NUM_ACTIVATION_CHECKPOINTING_SPLITS: count(2, 'segments'),
      },
      'memory against time',
    ),
    FEATURE_EVAL_SETTINGS: group(
      {
        EVAL_MODE_ON: flag(false, 'evaluate features; the other keys of this block apply'),
        FREEZE_TRUNK_ONLY: flag(false, 'train the heads alone'),
        FREEZE_TRUNK_AND_HEAD: flag(false, 'train nothing'),
        EXTRACT_TRUNK_FEATURES_ONLY: flag(false, 'return features of the trunk, run no head'),
        EVAL_TRUNK_AND_HEAD: flag(false, 'load the weights of the heads as well'),
        SHOULD_FLATTEN_FEATS: flag(true, 'flatten pooled features to N×D'),
        LINEAR_EVAL_FEAT_POOL_OPS_MAP: z
          .array(z.tuple([z.string(), z.array(z.unknown())]))
          .default([])
          .describe('pairs of a layer and [pooling operator, its arguments]'),
      },
      'evaluation of features',
    ),
    TRUNK: openGroup(
      {
        NAME: text('resnet', 'name of a registered trunk'),
        TRUNK_PARAMS: openGroup(
          {
            RESNETS: group(resnetShape, 'parameters of trunk resnet'),
            EFFICIENT_NETS: group(withoutDefaults(efficientNetShape), 'parameters of trunk efficientnet'),
            REGNET: group(
              withoutDefaults(regnetShape),
              'parameters of trunk regnet: a preset or its numbers',
            ),
            VISION_TRANSFORMERS: group(
              visionTransformerShape,
              'parameters of trunk vision_transformer (VISSL 0.1.6)',
            ),
            CONVNEXT: group(withoutDefaults(convnextShape), own('parameters of trunk convnext')),
          },
          'parameters by kind of trunk',
        ),
      },
      'the network that gives features',
    ),
    HEAD: group(
      {
        PARAMS: z
          .array(z.union([head, z.array(head)]))
          .default([])
          .describe('heads as [name, parameters]; a list of such pairs is a chain'),
        BATCHNORM_EPS: positive(1e-5, 'eps of batch normalisation in heads'),
        BATCHNORM_MOMENTUM: real(0.1, 'momentum of batch normalisation in heads'),
        PARAMS_MULTIPLIER: real(1, 'factor on freshly initialised linear layers of mlp heads'),
      },
      'what follows the trunk',
    ),
    SYNC_BN_CONFIG: group(
      {
        CONVERT_BN_TO_SYNC_BN: flag(false, 'normalise batches over several processes'),
        SYNC_BN_TYPE: choice(['pytorch', 'apex'], 'pytorch', 'accepted; there is one implementation'),
        GROUP_SIZE: integer(-1, 'processes that share statistics; −1: those of a machine, 0: all'),
      },
      'batch normalisation over processes',
    ),
    SHARDED_DDP_SETUP: group(
      {
        USE_SDP: flag(false, 'spread the state of the optimizer over processes'),
        reduce_buffer_size: integer(
          -1,
          unused('elements of the buffer for gradients', 'the size is chosen for you'),
        ),
      },
      'sharded data parallel training (VISSL 0.1.6)',
    ),
    FSDP_CONFIG: group(
      {
        AUTO_SETUP_FSDP: flag(false, 'spread parameters over processes and choose the keys below'),
        AUTO_WRAP_THRESHOLD: z
          .number()
          .min(0)
          .default(0)
          .describe('parameters from which a layer is spread by itself; 0: none'),
        AMP_TYPE: text('01', 'mixed precision of AUTO_SETUP_FSDP: O1 or O2'),
        flatten_parameters: flag(true, 'join the parameters of a layer'),
        mixed_precision: flag(true, 'compute in compute_dtype'),
        fp32_reduce_scatter: flag(false, 'reduce gradients in float32'),
        compute_dtype: choice(['float32', 'float16'], 'float32', 'dtype of computation'),
        bucket_cap_mb: z.number().min(0).default(0).describe('MiB of gradients reduced together; 0: none'),
        clear_autocast_cache: flag(true, 'clear the cache of autocast after every pass'),
        verbose: flag(true, 'describe what is wrapped'),
      },
      unused(
        'fully sharded data parallel training (VISSL 0.1.6)',
        'use config.MODEL.SHARDED_DDP_SETUP.USE_SDP=true, which divides the state of the optimizer',
      ),
    ),
    GRAD_CLIP: gradClipSchema,
    AMP_PARAMS: group(
      {
        USE_AMP: flag(false, 'mixed precision'),
        AMP_ARGS: openGroup({ opt_level: text('O1', 'O0 to O3') }, 'arguments of apex'),
        AMP_TYPE: text('apex', 'apex, pytorch or bfloat16'),
      },
      'mixed precision',
    ),
    MODEL_COMPLEXITY: group(
      {
        COMPUTE_COMPLEXITY: flag(false, 'log parameters, operations and activations'),
        INPUT_SHAPE: z.array(z.int().min(1)).default([3, 224, 224]).describe('C, H, W of the probe'),
      },
      'size of the model',
    ),
    WEIGHTS_INIT: group(
      {
        PARAMS_FILE: text('', 'path or address of a checkpoint to start from'),
        STATE_DICT_KEY_NAME: text(
          'classy_state_dict',
          'key of the weights in it; empty: the file is the weights',
        ),
        SKIP_LAYERS: texts(['num_batches_tracked'], 'parameters whose name has one of these are not loaded'),
        REMOVE_PREFIX: text('', 'what to cut off the front of names'),
        APPEND_PREFIX: text('', 'what to put before names'),
      },
      'initial weights',
    ),
  },
  'the model',
)
