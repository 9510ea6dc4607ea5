import { z } from 'zod'
import {
  choice,
  count,
  described,
  flag,
  group,
  integer,
  integers,
  own,
  positive,
  real,
  reals,
  text,
} from './fields.ts'
import { unused } from './unused.ts'

/** `EVALUATION`: checks during training; the whole block is ours. */
export const evaluationSchema = group(
  {
    KNN: group(
      {
        ENABLED: flag(false, 'weighted nearest-neighbour accuracy before training and after each epoch'),
        TOPK: count(20, 'neighbours that vote'),
        SIGMA: positive(0.1, 'temperature of the votes'),
        TRAIN_LIMIT: integer(-1, 'labelled images to compare with; 0 or less: all'),
        TEST_LIMIT: integer(-1, 'images to classify; 0 or less: all'),
      },
      'nearest neighbours',
    ),
  },
  own('checks of the features during training'),
)

/** `NEAREST_NEIGHBOR`: the kNN benchmark. */
export const nearestNeighborSchema = group(
  {
    SIGMA: positive(0.1, 'temperature of the votes'),
    TOPK: count(200, 'neighbours that vote'),
    L2_NORM_FEATS: flag(false, 'normalise features to length 1'),
  },
  unused('kNN benchmark', 'use config.EVALUATION.KNN'),
)

/** `SVM`: linear classifiers on frozen features. */
export const svmSchema = group(
  {
    normalize: flag(true, 'normalise features to length 1'),
    cls_list: integers([], 'classes; empty: all'),
    loss: text('squared_hinge', 'loss of the classifier'),
    penalty: text('l2', 'penalty of the classifier'),
    dual: flag(true, 'solve the dual problem'),
    max_iter: count(2000, 'iterations'),
    cross_val_folds: count(3, 'folds of the cross validation'),
    costs: group(
      {
        costs_list: reals([0.1, 0.01], 'values of C'),
        base: real(-1, 'above 0: try powers of it as well'),
        power_range: integers([4, 20], 'first exponent, and the one after the last'),
      },
      'values of C',
    ),
    force_retrain: flag(false, 'ignore classifiers of an earlier run'),
    low_shot: group(
      {
        dataset_name: text('voc', 'voc or places205'),
        sample_inds: integers([1, 2, 3, 4, 5], 'numbers of the sample sets'),
        k_values: integers([1, 2, 4, 8, 16, 32, 64, 96], 'images of each class'),
      },
      'few images of each class',
    ),
  },
  unused(
    'SVM benchmark',
    'extract features with engine_name=extract_features, and fit classifiers to them elsewhere',
  ),
)

/** `IMG_RETRIEVAL`: instance retrieval. */
export const retrievalSchema = group(
  {
    RESIZE_IMG: count(1024, 'longer side'),
    SPATIAL_LEVELS: count(3, 'levels of R-MAC'),
    N_PCA: count(512, 'dimensions after whitening'),
    DATASET_PATH: text('', 'root folder'),
    TRAIN_DATASET_NAME: text('Oxford', 'set that whitening is learned on'),
    EVAL_DATASET_NAME: text('Paris', 'set that is evaluated'),
    EVAL_BINARY_PATH: text('', 'program that computes AP (Oxford, Paris)'),
    TEMP_DIR: text('/tmp/instance_retrieval/', 'scratch folder'),
    SHOULD_TRAIN_PCA_OR_WHITENING: flag(true, 'learn whitening'),
    FEATS_PROCESSING_TYPE: choice(['', 'rmac', 'gem', 'l2_norm'], '', 'how features are pooled'),
    GEM_POOL_POWER: positive(4, 'exponent of GeM'),
    WHITEN_IMG_LIST: text('', 'images that whitening is learned on'),
    DEBUG_MODE: flag(false, 'use a few images only'),
    NUM_TRAINING_SAMPLES: integer(-1, 'images that whitening is learned on; below 0: all'),
    NUM_QUERY_SAMPLES: integer(-1, 'queries; below 0: all'),
    NUM_DATABASE_SAMPLES: integer(-1, 'images that are searched; below 0: all'),
    USE_DISTRACTORS: flag(false, 'search among the distractors as well'),
    IMG_SCALINGS: reals([1], 'scales whose features are averaged'),
    SIMILARITY_MEASURE: choice(['cosine_similarity', 'l2'], 'cosine_similarity', 'how features are compared'),
    CROP_QUERY_ROI: flag(false, 'crop queries to their region'),
    NORMALIZE_FEATURES: flag(true, 'normalise features to length 1'),
    SAVE_RETRIEVAL_RANKINGS_SCORES: flag(true, 'save rankings and scores'),
    SAVE_FEATURES: flag(false, 'save features'),
  },
  unused(
    'retrieval benchmark',
    'extract features with engine_name=extract_features, and compare them elsewhere',
  ),
)

/** `CLUSTERFIT`: clusters of features as labels. */
export const clusterfitSchema = group(
  {
    NUM_CLUSTERS: count(16000, 'clusters'),
    CLUSTER_BACKEND: text('faiss', unused('how clusters are found', 'always by k-means')),
    N_ITER: count(50, 'iterations of k-means'),
    TRAIN_CONFIG: z
      .string()
      .optional()
      .describe(own('configuration that cluster_features trains on the clusters afterwards')),
    TRAIN_OVERRIDES: z
      .array(z.string())
      .optional()
      .describe(own('overrides of TRAIN_CONFIG, as on the command line')),
    OUTPUT_DIR: text('.', 'folder of the clusters'),
    DATA_LIMIT: integer(
      -1,
      unused('features that are clustered; 0 or less: all', 'use config.DATA.TRAIN.DATA_LIMIT'),
    ),
    DATA_LIMIT_SAMPLING: group(
      {
        SEED: integer(
          0,
          unused('seed of the choice of features', 'use config.DATA.TRAIN.DATA_LIMIT_SAMPLING'),
        ),
      },
      'choice of features',
    ),
    FEATURES: group(
      {
        EXTRACT: flag(false, unused('extract features first', 'they always are')),
        PATH: text('.', unused('folder of the features', 'they are in OUTPUT_DIR')),
        TEST_PARTITION: choice(
          ['TRAIN', 'TEST'],
          'TEST',
          unused('which features are assigned to clusters as well', 'those of DATA_PARTITION alone are'),
        ),
        DIMENSIONALITY_REDUCTION: described(
          z.int().min(0).default(0),
          unused('dimensions after PCA; 0: as they are', 'features are clustered as they are'),
        ),
        DATA_PARTITION: choice(['TRAIN', 'TEST'], 'TRAIN', 'which features are clustered'),
        DATASET_NAME: text('', 'name in output files'),
        LAYER_NAME: text('', 'which layer'),
      },
      'features',
    ),
  },
  'ClusterFit',
)
