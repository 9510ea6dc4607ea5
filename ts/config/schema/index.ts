import { z } from 'zod'
import { dataSchema } from './data.ts'
import {
  clusterfitSchema,
  evaluationSchema,
  nearestNeighborSchema,
  retrievalSchema,
  svmSchema,
} from './evaluation.ts'
import { flag, group, integer, text } from './fields.ts'
import { lossSchema } from './loss.ts'
import { distributedSchema, machineSchema, multiProcessingMethod } from './machine.ts'
import { modelSchema } from './model.ts'
import { monitoringSchema, profilingSchema, reproducibilitySchema, slurmSchema } from './operations.ts'
import { optimizerSchema } from './optimizer.ts'
import {
  checkpointSchema,
  extractFeaturesSchema,
  hooksSchema,
  metersSchema,
  tensorboardSchema,
  trainerSchema,
} from './training.ts'

/** The block `config` of a configuration: the only source of keys, defaults, types and descriptions. */
export const configSchema = group(
  {
    VERBOSE: flag(false, 'accepted; the log of a run is always complete'),
    LOG_FREQUENCY: z.int().min(1).default(10).describe('iterations between two progress lines'),
    TEST_ONLY: flag(false, 'evaluate, do not train'),
    TEST_EVERY_NUM_EPOCH: z.int().min(1).default(1).describe('epochs between two tests'),
    SEED_VALUE: integer(0, 'seed of everything random'),
    TEST_MODEL: flag(true, 'whether there are test phases'),
    MULTI_PROCESSING_METHOD: multiProcessingMethod,
    MONITOR_PERF_STATS: flag(false, 'measure the parts of a step'),
    PERF_STAT_FREQUENCY: integer(-1, 'steps between two reports of it; 0 or less: at the end of a phase'),
    ROLLING_BTIME_FREQ: integer(-1, 'above 0: iterations of the rolling batch time in progress lines'),
    DATA: dataSchema,
    METERS: metersSchema,
    MACHINE: machineSchema,
    MODEL: modelSchema,
    LOSS: lossSchema,
    OPTIMIZER: optimizerSchema,
    CLUSTERFIT: clusterfitSchema,
    TRAINER: trainerSchema,
    CHECKPOINT: checkpointSchema,
    DISTRIBUTED: distributedSchema,
    SVM: svmSchema,
    IMG_RETRIEVAL: retrievalSchema,
    NEAREST_NEIGHBOR: nearestNeighborSchema,
    TENSORBOARD_SETUP: tensorboardSchema,
    HOOKS: hooksSchema,
    EXTRACT_FEATURES: extractFeaturesSchema,
    REPRODUCIBILITY: reproducibilitySchema,
    MONITORING: monitoringSchema,
    PROFILING: profilingSchema,
    SLURM: slurmSchema,
    EVALUATION: evaluationSchema,
  },
  'everything about a run',
)

/** The root of a composed configuration. */
export const rootSchema = z.looseObject({
  VERSION: z.literal(1).default(1).describe('version of the schema'),
  node_id: z.int().min(0).default(0).describe('index of this machine'),
  engine_name: text('train', 'what to run: train, extract_features or cluster_features'),
  config: configSchema,
})

/** A checked configuration with every default filled in. */
export type Config = z.output<typeof configSchema>

/** The root of a checked configuration. */
export type RootConfig = z.output<typeof rootSchema>
