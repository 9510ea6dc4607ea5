import { z } from 'zod'
import { described, flag, freeMap, group, integer, integers, text } from './fields.ts'
import { unused } from './unused.ts'

const whole = (value: number, description: string) => described(z.int().min(0).default(value), description)

/** `REPRODUCIBILITY` (VISSL 0.1.6). */
export const reproducibilitySchema = group(
  {
    CUDDN_DETERMINISTIC: flag(
      false,
      unused('deterministic operators', 'operators of a run are deterministic where they can be'),
    ),
  },
  'reproducibility',
)

/** `MONITORING` (VISSL 0.1.6). */
export const monitoringSchema = group(
  {
    MONITOR_ACTIVATION_STATISTICS: whole(
      0,
      unused(
        'iterations between statistics of activations',
        'config.TENSORBOARD_SETUP.LOG_PARAMS logs those of parameters',
      ),
    ),
  },
  'monitoring',
)

/** `PROFILING` (VISSL 0.1.6). */
export const profilingSchema = group(
  {
    START_ITERATION: whole(0, 'first iteration that is profiled'),
    WARMUP_ITERATIONS: whole(0, 'iterations before that'),
    NUM_ITERATIONS: whole(10, 'iterations that are profiled'),
    STOP_TRAINING_AFTER_PROFILING: flag(false, 'end the run then'),
    OUTPUT_FOLDER: text('.', 'folder of profiles'),
    PROFILED_RANKS: integers([0, 1], 'processes that are profiled'),
    MEMORY_PROFILING: group({ TRACK_BY_LAYER_MEMORY: flag(false, 'memory of each layer') }, 'memory'),
    RUNTIME_PROFILING: group(
      {
        USE_PROFILER: flag(false, 'profile'),
        PROFILE_CPU: flag(true, 'operators on the CPU'),
        PROFILE_GPU: flag(true, 'operators on the GPU'),
        LEGACY_PROFILER: flag(false, 'use the older profiler'),
      },
      'time',
    ),
  },
  unused("PyTorch's profiler", 'use  vissl train --profile N'),
)

/** `SLURM` (VISSL 0.1.6). */
export const slurmSchema = group(
  {
    USE_SLURM: flag(false, 'submit a job'),
    NAME: text('vissl', 'name of the job'),
    COMMENT: text('vissl job', 'comment of the job'),
    PARTITION: text('', 'partition of the job'),
    LOG_FOLDER: text('.', 'folder of logs'),
    TIME_HOURS: whole(72, 'hours of the job'),
    TIME_MINUTES: whole(0, 'minutes of the job beside the hours'),
    CONSTRAINT: text('', 'machines of the job'),
    MEM_GB: integer(250, 'memory of a machine in GB'),
    PORT_ID: integer(40050, 'port where processes meet'),
    NUM_CPU_PER_PROC: integer(8, 'cores of a process'),
    ADDITIONAL_PARAMETERS: freeMap('more parameters of the job'),
  },
  unused('jobs of SLURM', 'submit with sbatch, and start vissl with srun'),
)
