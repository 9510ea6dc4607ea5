import { z } from 'zod'
import { count, flag, group, integer, openGroup, own, text } from './fields.ts'
import { unused } from './unused.ts'

/** `TRAINER`: which step and task run. */
export const trainerSchema = group(
  {
    TRAIN_STEP_NAME: text('standard_train_step', 'name of a registered train step'),
    TASK_NAME: text('self_supervision_task', 'name of a registered task'),
  },
  'the trainer',
)

/** `CHECKPOINT`: where and when a run is saved. */
export const checkpointSchema = group(
  {
    DIR: text('.', 'folder of the run; runs/NAME-N when not set'),
    APPEND_DISTR_RUN_ID: flag(false, 'use a folder DIR/RUN_ID when there are several machines'),
    BACKEND: text('disk', unused('where checkpoints are kept', 'always on disk')),
    AUTO_RESUME: flag(true, 'go on from the newest checkpoint of the folder'),
    CHECKPOINT_FREQUENCY: integer(1, 'phases between two checkpoints'),
    CHECKPOINT_ITER_FREQUENCY: integer(-1, 'iterations between two checkpoints; 0 or less: none'),
    OVERWRITE_EXISTING: flag(false, 'train anew even if the folder has a final checkpoint'),
    LATEST_CHECKPOINT_RESUME_FILE_NUM: count(1, 'resume from the n-th newest'),
    USE_SYMLINK_CHECKPOINT_FOR_RESUME: flag(false, 'resume from the link checkpoint.torch'),
    KEEP_LAST: z
      .int()
      .min(0)
      .optional()
      .describe(own('how many checkpoints by iteration stay, the newest ones; 0, and unless given: all')),
  },
  'checkpoints',
)

/** `METERS`: what is measured beside the loss. */
export const metersSchema = openGroup(
  {
    name: text('', 'name of a registered meter; empty: none'),
    names: z.array(z.string()).optional().describe('names of several meters (VISSL 0.1.6)'),
    enable_training_meter: flag(true, 'measure train phases as well'),
    model_output_mask: z
      .boolean()
      .optional()
      .describe(
        unused('measure the classes of a mask of the data set alone (VISSL 0.1.6)', 'no data set has a mask'),
      ),
    accuracy_list_meter: group(
      {
        num_meters: count(1, 'outputs that are measured (filled in for linear evaluation)'),
        topk_values: z.array(z.int().min(1)).default([1]).describe('which k'),
        meter_names: z.array(z.string()).default([]).describe('name of each output'),
      },
      'top-k accuracy',
    ),
    mean_ap_list_meter: group(
      {
        num_classes: count(9605, 'classes'),
        num_meters: count(1, 'outputs that are measured (filled in for linear evaluation)'),
        max_cpu_capacity: integer(-1, 'samples to reserve memory for; −1: grow'),
        meter_names: z.array(z.string()).default([]).describe('name of each output'),
      },
      'mean average precision',
    ),
  },
  'meters',
)

/** `MODEL.GRAD_CLIP` (VISSL 0.1.6): how large the norm of all gradients together may be. */
export const gradClipSchema = group(
  {
    USE_GRAD_CLIP: flag(false, 'scale gradients down whose common norm is above MAX_NORM'),
    NORM_TYPE: z.number().positive().default(2).describe('order of the norm'),
    MAX_NORM: z.number().positive().default(1).describe('largest norm'),
  },
  'clipping of gradients',
)

/** `EXTRACT_FEATURES` (VISSL 0.1.6): where extracted features go. */
export const extractFeaturesSchema = group(
  {
    OUTPUT_DIR: text('', "folder of the features; empty: the run's"),
    CHUNK_THRESHOLD: z.int().min(0).default(0).describe('numbers of a chunk; 0: one file for a split'),
  },
  'extraction of features',
)

/** `TENSORBOARD_SETUP`: event files. */
export const tensorboardSchema = group(
  {
    USE_TENSORBOARD: flag(false, 'write event files'),
    LOG_DIR: text('.', unused('folder of event files', "they are in the run's folder")),
    EXPERIMENT_LOG_DIR: text('tensorboard', unused('folder of event files', "they are in the run's folder")),
    FLUSH_EVERY_N_MIN: integer(5, 'minutes between two flushes'),
    LOG_PARAMS: flag(true, 'histograms of parameters'),
    LOG_PARAMS_GRADIENTS: flag(true, 'histograms of gradients'),
    LOG_PARAMS_EVERY_N_ITERS: integer(
      310,
      'iterations between histograms; 0 or less: at the end of an epoch',
    ),
    LOG_IMAGES: flag(true, own('pictures of the augmented views, once an epoch')),
    LOG_EMBEDDINGS: z
      .int()
      .min(0)
      .default(0)
      .describe(own('embeddings of an epoch for the projector; 0: none')),
  },
  'TensorBoard',
)

/** `HOOKS`: what runs at the events of training. */
export const hooksSchema = openGroup(
  {
    CHECK_NAN: flag(true, 'stop when the loss is not finite'),
    LOG_GPU_STATS: flag(true, 'log what nvidia-smi prints, where there is a GPU'),
    MEMORY_SUMMARY: group(
      {
        PRINT_MEMORY_SUMMARY: flag(true, 'log the memory that each phase takes'),
        LOG_ITERATION_NUM: integer(
          0,
          unused('iteration after which memory is logged', 'every phase is logged'),
        ),
        DUMP_MEMORY_ON_EXCEPTION: flag(
          false,
          unused('log memory when a run fails', 'PRINT_MEMORY_SUMMARY logs it after every phase'),
        ),
      },
      'memory',
    ),
    LEARNING: group(
      {
        ENABLED: flag(
          true,
          own('watch whether the run learns: collapse, divergence, a dead loss, a slow loader'),
        ),
        EVERY: integer(
          0,
          own('steps between two looks at the embeddings; 0: as often as 1 % of the time allows'),
        ),
        SAMPLES: z.int().min(8).default(256).describe(own('embeddings of one look')),
      },
      own('is the run learning?'),
    ),
    EXTRA: z
      .array(z.string())
      .default([])
      .describe(
        own('names of hooks from plug-ins, run before a checkpoint is saved; parameters in HOOKS.NAME'),
      ),
  },
  'hooks',
)
