import { z } from 'zod'
import { described, flag, freeMap, group, integer, integers, text } from './fields.ts'

const whole = (value: number, description: string) => described(z.int().min(0).default(value), description)

/** `REPRODUCIBILITY` (VISSL 0.1.6). */
export const reproducibilitySchema = group(
  {
    CUDDN_DETERMINISTIC: flag(
      false,
      'without effect: operators of a run are deterministic where they can be',
    ),
  },
  'reproducibility',
)

/** `MONITORING` (VISSL 0.1.6). */
export const monitoringSchema = group(
  { MONITOR_ACTIVATION_STATISTICS: whole(0, 'iterations between statistics of activations; without effect') },
  'monitoring',
)

/** `PROFILING` (VISSL 0.1.6), for PyTorch's profiler, which needs Python. */
export const profilingSchema = group(
  {
    START_ITERATION: whole(0, 'first iteration that is profiled; without effect'),
    WARMUP_ITERATIONS: whole(0, 'iterations before that; without effect'),
    NUM_ITERATIONS: whole(10, 'iterations that are profiled; without effect'),
    STOP_TRAINING_AFTER_PROFILING: flag(false, 'without effect'),
    OUTPUT_FOLDER: text('.', 'folder of profiles; without effect'),
    PROFILED_RANKS: integers([0, 1], 'processes that are profiled; without effect'),
    MEMORY_PROFILING: group({ TRACK_BY_LAYER_MEMORY: flag(false, 'without effect') }, 'memory'),
    RUNTIME_PROFILING: group(
      {
        USE_PROFILER: flag(false, 'without effect'),
        PROFILE_CPU: flag(true, 'without effect'),
        PROFILE_GPU: flag(true, 'without effect'),
        LEGACY_PROFILER: flag(false, 'without effect'),
      },
      'time',
    ),
  },
  'profiler',
)

/** `SLURM` (VISSL 0.1.6), for its own submission of jobs. */
export const slurmSchema = group(
  {
    USE_SLURM: flag(false, 'without effect: submit with sbatch, and start vissl with srun'),
    NAME: text('vissl', 'name of the job; without effect'),
    COMMENT: text('vissl job', 'comment of the job; without effect'),
    PARTITION: text('', 'partition of the job; without effect'),
    LOG_FOLDER: text('.', 'folder of logs; without effect'),
    TIME_HOURS: whole(72, 'hours of the job; without effect'),
    TIME_MINUTES: whole(0, 'minutes of the job beside the hours; without effect'),
    CONSTRAINT: text('', 'machines of the job; without effect'),
    MEM_GB: integer(250, 'memory of a machine in GB; without effect'),
    PORT_ID: integer(40050, 'port where processes meet; without effect'),
    NUM_CPU_PER_PROC: integer(8, 'cores of a process; without effect'),
    ADDITIONAL_PARAMETERS: freeMap('more parameters of the job; without effect'),
  },
  'jobs of SLURM',
)
