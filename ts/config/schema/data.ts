import { z } from 'zod'
import { count, flag, freeMap, group, integer, own, text, texts } from './fields.ts'

const transform = z
  .looseObject({ name: z.string().describe('a registered transform') })
  .describe('a transform: its name and its parameters')

/** A flag that counts as false unless given, so that compositions stay VISSL's. */
const optionalFlag = (description: string) => z.boolean().optional().describe(description)

const optionalCount = (description: string) => z.int().min(0).optional().describe(description)

/** `DATA_LIMIT_SAMPLING` (VISSL 0.1.6). */
const limitSampling = z
  .strictObject({
    SEED: z
      .int()
      .min(0)
      .max(0xffffffff)
      .optional()
      .describe("seed of NumPy's legacy generator; 0 unless given"),
    IS_BALANCED: optionalFlag('the same number of images of every label'),
    SKIP_NUM_SAMPLES: optionalCount('images that are drawn first and left out; 0 unless given'),
  })
  .optional()
  .describe('draw the images of DATA_LIMIT at random rather than take the first ones (VISSL 0.1.6)')

/** Keys that both partitions have. */
const split = {
  USE_STATEFUL_DISTRIBUTED_SAMPLER: flag(false, 'use the resumable contiguous sampler'),
  DROP_LAST: flag(false, 'drop the incomplete last batch of each process'),
  DATASET_NAMES: texts(['imagenet1k_folder'], 'names in the catalog, one for each of DATA_SOURCES'),
  DATA_SOURCES: texts(
    [],
    'kinds of reader: disk_folder, disk_filelist, csv, parquet, tar, idx, torchvision_dataset, synthetic, shapes, or one of your own',
  ),
  DATA_PATHS: texts([], 'explicit paths; they go before the catalog'),
  LABEL_SOURCES: texts([], 'kinds of label reader; empty: no labels are read'),
  LABEL_PATHS: z
    .array(z.union([z.string(), z.array(z.string())]))
    .default([])
    .describe('explicit paths of labels; a list of paths makes one label out of several files'),
  LABEL_TYPE: text(
    'standard',
    'standard, sample_index (implied by empty LABEL_SOURCES), or zero (VISSL 0.1.6)',
  ),
  MMAP_MODE: flag(true, 'map .npy lists into memory rather than read them'),
  DEFAULT_GRAY_IMG_SIZE: count(224, 'side of the gray image that stands in for an unreadable one, pixels'),
  BATCHSIZE_PER_REPLICA: count(256, 'images in one step of one process'),
  TRANSFORMS: z.array(transform).default([]).describe('transforms, applied in this order'),
  COLLATE_FUNCTION: text(
    'default_collate',
    'name of the collator: default_collate, simclr_collator, multicrop_collator, multicrop_mixup_collator, moco_collator, siamese_collator, patch_and_image_collator, targets_one_hot_default_collator, cutmixup_collator (VISSL 0.1.6), or one of your own',
  ),
  SAMPLER: z
    .string()
    .optional()
    .describe(own('name of a sampler of your own, in place of the built-in ones')),
  SAMPLER_PARAMS: z.record(z.string(), z.unknown()).optional().describe(own('its parameters')),
  COLLATE_FUNCTION_PARAMS: freeMap('parameters of the collator'),
  DATA_LIMIT: integer(-1, 'use only the first so many images; 0 or less: all'),
  COPY_TO_LOCAL_DISK: flag(false, "copy the data to the machine's own disk first"),
  COPY_DESTINATION_DIR: text('', 'where to copy it'),
  INPUT_KEY_NAMES: texts(['data'], "keys of a sample that hold the model's input"),
  TARGET_KEY_NAMES: texts(['label'], 'keys of a sample that hold the target'),
  ENABLE_QUEUE_DATASET: flag(false, 'replace unreadable images by good ones seen before'),
  DATA_LIMIT_SAMPLING: limitSampling,
  USE_DEBUGGING_SAMPLER: optionalFlag('in order, one block of images a process (VISSL 0.1.6)'),
  REMOVE_IMG_PATH_PREFIX: z
    .string()
    .optional()
    .describe('what paths of a list lose at their beginning (VISSL 0.1.6)'),
  NEW_IMG_PATH_PREFIX: z.string().optional().describe('what they get in its place (VISSL 0.1.6)'),
  RANDOM_SYNTHETIC_IMAGES: optionalFlag('synthetic images are blurred noise rather than gray (VISSL 0.1.6)'),
  BASE_DATASET: z.string().optional().describe('generic_ssl; accepted, there is one kind (VISSL 0.1.6)'),
  USE_KEYED_SAMPLER: optionalFlag(
    own('shuffle by a computed permutation, which takes no memory at any size'),
  ),
  DECODED_CACHE_MIB: optionalCount(own('MiB of decoded images that are kept in memory; 0 unless given')),
  DECODED_CACHE_DISK_MIB: optionalCount(
    own(
      'MiB that decoded images may take on disk, where later runs find them; 0 unless given. For sets that fit: they are decoded once',
    ),
  ),
  DECODED_CACHE_DIR: z
    .string()
    .optional()
    .describe(own('folder of those images; decoded/ in the cache folder of vissl unless given')),
  PREFETCH_MIB: optionalCount(own('MiB of batches that may lie ready; 1024 unless given')),
  EXIF_ORIENTATION: optionalFlag(
    own('turn photos upright as their EXIF data say; true unless given, VISSL never does'),
  ),
}

/** `DATA`: what is read and how. */
export const dataSchema = group(
  {
    NUM_DATALOADER_WORKERS: z.int().min(0).default(4).describe('loader threads of one process'),
    PIN_MEMORY: flag(true, 'accepted; how batches get to the device is decided for you'),
    ENABLE_ASYNC_GPU_COPY: flag(true, 'accepted; how batches get to the device is decided for you'),
    DDP_BUCKET_CAP_MB: count(25, 'size of a bucket of gradients, MiB'),
    TRAIN: group(split, 'data to train on'),
    TEST: group(split, 'data to test on'),
  },
  'data sets, transforms and loading',
)
