import type { Path } from './tree.ts'

const SPLIT_KEYS = [
  'USE_DEBUGGING_SAMPLER',
  'REMOVE_IMG_PATH_PREFIX',
  'NEW_IMG_PATH_PREFIX',
  'BASE_DATASET',
  'RANDOM_SYNTHETIC_IMAGES',
  'DATA_LIMIT_SAMPLING',
]

/** Keys below `config` that VISSL 0.1.6 has by default and 0.1.5 does not. */
const ADDED: Readonly<Record<string, readonly string[]>> = {
  '': ['REPRODUCIBILITY', 'HOOKS', 'MONITORING', 'PROFILING', 'EXTRACT_FEATURES', 'SLURM'],
  'DATA.TRAIN': SPLIT_KEYS,
  'DATA.TEST': SPLIT_KEYS,
  METERS: ['names', 'model_output_mask', 'precision_at_k_list_meter', 'recall_at_k_list_meter'],
  MODEL: ['BASE_MODEL_NAME', 'SHARDED_DDP_SETUP', 'FSDP_CONFIG', 'GRAD_CLIP'],
  'MODEL.TRUNK.TRUNK_PARAMS': ['VISION_TRANSFORMERS', 'XCIT', 'CONVIT'],
  'MODEL.TRUNK.TRUNK_PARAMS.RESNETS': ['GROUPNORM_GROUPS', 'STANDARDIZE_CONVOLUTIONS'],
  LOSS: ['dino_loss', 'barlow_twins_loss'],
  OPTIMIZER: ['use_zero', 'betas', 'non_regularized_parameters', 'construct_single_param_group_only'],
  'OPTIMIZER.param_schedulers.lr.auto_lr_scaling': ['scaling_type'],
  'OPTIMIZER.param_schedulers.lr_head.auto_lr_scaling': ['scaling_type'],
  CLUSTERFIT: ['OUTPUT_DIR', 'DATA_LIMIT', 'DATA_LIMIT_SAMPLING'],
  'CLUSTERFIT.FEATURES': ['EXTRACT', 'PATH', 'TEST_PARTITION', 'DIMENSIONALITY_REDUCTION'],
  IMG_RETRIEVAL: [
    'DEBUG_MODE',
    'NUM_TRAINING_SAMPLES',
    'NUM_QUERY_SAMPLES',
    'NUM_DATABASE_SAMPLES',
    'USE_DISTRACTORS',
    'IMG_SCALINGS',
    'SIMILARITY_MEASURE',
    'CROP_QUERY_ROI',
    'NORMALIZE_FEATURES',
    'SAVE_RETRIEVAL_RANKINGS_SCORES',
    'SAVE_FEATURES',
  ],
}

const PATHS = Object.entries(ADDED).flatMap(([block, keys]) =>
  keys.map((key) => ['config', ...(block === '' ? [] : block.split('.')), key]),
)

/** Whether command lines for VISSL 0.1.5 need a `+` to set the key, and those for 0.1.6 none. */
export function isAddedLater(path: Path): boolean {
  return PATHS.some((added) => added.every((part, i) => part === path[i]))
}
