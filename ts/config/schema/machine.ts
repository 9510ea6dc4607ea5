import { z } from 'zod'
import { choice, count, flag, group, own, text } from './fields.ts'

/** `MACHINE`: what computes. */
export const machineSchema = group(
  {
    DEVICE: choice(['gpu', 'cpu'], 'gpu', 'gpu or cpu'),
    THREADS: z.int().min(0).default(0).describe(own('compute threads of a process; 0: as many as cores')),
    MEMORY_FORMAT: choice(
      ['auto', 'channels_last', 'contiguous'],
      'auto',
      own('layout of images in memory; auto: the faster one, measured once on a machine'),
    ),
  },
  'the machine',
)

/** `DISTRIBUTED`: processes and how they meet. */
export const distributedSchema = group(
  {
    BACKEND: choice(['nccl', 'gloo'], 'nccl', 'nccl (GPU) or gloo (CPU)'),
    NCCL_DEBUG: flag(false, 'set NCCL_DEBUG=INFO'),
    NCCL_SOCKET_NTHREADS: z
      .union([z.string(), z.int()])
      .default('')
      .describe('value of NCCL_SOCKET_NTHREADS; empty: leave it'),
    BROADCAST_BUFFERS: flag(true, 'send buffers to all processes before each forward'),
    NUM_NODES: count(1, 'machines'),
    NUM_PROC_PER_NODE: count(8, 'processes of a machine'),
    INIT_METHOD: choice(['tcp', 'env', 'file'], 'tcp', 'how processes find one another'),
    RUN_ID: z.union([z.string(), z.int()]).default('auto').describe('address of the meeting point, or auto'),
    MANUAL_GRADIENT_REDUCTION: flag(false, 'reduce gradients after backward'),
    TIMEOUT_MINUTES: z
      .number()
      .positive()
      .optional()
      .describe(own('how long a process waits for the others before the run ends; 30 unless given')),
  },
  'processes',
)

/** `MULTI_PROCESSING_METHOD` has an effect in the reference only. */
export const multiProcessingMethod = text(
  'forkserver',
  'how worker processes are started; accepted, loaders are threads',
)
