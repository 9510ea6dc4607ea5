import { z } from 'zod'
import { count, flag, freeMap, group, integer, text, texts } from './fields.ts'

const transform = z
  .looseObject({ name: z.string().describe('a registered transform') })
  .describe('a transform: its name and its parameters')

/** Keys that both partitions have. */
const split = {
  USE_STATEFUL_DISTRIBUTED_SAMPLER: flag(false, 'use the resumable contiguous sampler'),
  DROP_LAST: flag(false, 'drop the incomplete last batch of each process'),
  DATASET_NAMES: texts(['imagenet1k_folder'], 'names in the catalog, one for each of DATA_SOURCES'),
  DATA_SOURCES: texts([], 'kinds of reader: disk_folder, disk_filelist, idx, synthetic'),
  DATA_PATHS: texts([], 'explicit paths; they go before the catalog'),
  LABEL_SOURCES: texts([], 'kinds of label reader; empty: no labels are read'),
  LABEL_PATHS: texts([], 'explicit paths of labels'),
  LABEL_TYPE: text('standard', 'standard, or sample_index (implied by empty LABEL_SOURCES)'),
  MMAP_MODE: flag(true, 'map .npy lists into memory rather than read them'),
  DEFAULT_GRAY_IMG_SIZE: count(224, 'side of the gray image that stands in for an unreadable one'),
  BATCHSIZE_PER_REPLICA: count(256, 'images in one step of one process'),
  TRANSFORMS: z.array(transform).default([]).describe('transforms, applied in this order'),
  COLLATE_FUNCTION: text('default_collate', 'name of the collator'),
  COLLATE_FUNCTION_PARAMS: freeMap('parameters of the collator'),
  DATA_LIMIT: integer(-1, 'use only the first so many images; 0 or less: all'),
  COPY_TO_LOCAL_DISK: flag(false, "copy the data to the machine's own disk first"),
  COPY_DESTINATION_DIR: text('', 'where to copy it'),
  INPUT_KEY_NAMES: texts(['data'], "keys of a sample that hold the model's input"),
  TARGET_KEY_NAMES: texts(['label'], 'keys of a sample that hold the target'),
  ENABLE_QUEUE_DATASET: flag(false, 'replace unreadable images by good ones seen before'),
}

/** `DATA`: what is read and how. */
export const dataSchema = group(
  {
    NUM_DATALOADER_WORKERS: z.int().min(0).default(4).describe('loader threads of one process'),
    PIN_MEMORY: flag(true, 'keep batches in pinned memory'),
    ENABLE_ASYNC_GPU_COPY: flag(true, 'copy the next batch to the device during a step'),
    DDP_BUCKET_CAP_MB: count(25, 'size of a bucket of gradients, MiB'),
    TRAIN: group(split, 'data to train on'),
    TEST: group(split, 'data to test on'),
  },
  'data sets, transforms and loading',
)
