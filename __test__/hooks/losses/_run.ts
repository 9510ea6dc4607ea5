import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { saveTorchFile } from '../../../ts/checkpoint/torch-file.ts'
import { captureState, restoreState } from '../../../ts/checkpoint/training-state.ts'
import type { Config } from '../../../ts/config/index.ts'
import { configSchema } from '../../../ts/config/schema/index.ts'
import type { Loader, TrainingBatch } from '../../../ts/data/index.ts'
import { computeThreads, manualSeed, type Tensor } from '../../../ts/engine/index.ts'
import { TrainIterationHook } from '../../../ts/hooks/counters.ts'
import { lossHooks } from '../../../ts/hooks/losses/index.ts'
import { buildLoss, type Loss, type LossConfig } from '../../../ts/losses/index.ts'
import { SslModel } from '../../../ts/models/index.ts'
import {
  buildOptimizer,
  buildScheduler,
  LearningRates,
  type ScheduleParams,
} from '../../../ts/optim/index.ts'
import type { Hook } from '../../../ts/train/hook.ts'
import { precisionOf } from '../../../ts/train/precision.ts'
import { Task } from '../../../ts/train/task.ts'
import { runPhases } from '../../../ts/train/trainer.ts'
import { Updates } from '../../../ts/train/updates.ts'

/** Makes the tensors of a batch by name: `data.0`, `data.0.1`, `label.0`, … */
export type MakeBatch = (epoch: number, batch: number) => Readonly<Record<string, () => Tensor>>

export interface RunSpec {
  readonly MODEL: object
  readonly LOSS: LossConfig
  readonly OPTIMIZER?: object
  /** Phases in order; one training epoch unless given. */
  readonly phases?: readonly boolean[]
  /** Batches of an epoch. */
  readonly batches: number
  /** Images of a batch. */
  readonly batchSize: number
  readonly make: MakeBatch
}

/** The part of a loader that training reads, over made batches. */
class MadeLoader {
  readonly batches: number
  readonly batchSize: number
  readonly #make: MakeBatch

  constructor({ batches, batchSize, make }: RunSpec) {
    this.batches = batches
    this.batchSize = batchSize
    this.#make = make
  }

  async *epoch(epoch: number, start = 0): AsyncGenerator<TrainingBatch> {
    for (let index = start; index < this.batches; index++) {
      const makers = new Map(Object.entries(this.#make(epoch, index)))
      const batch = {
        index,
        size: this.batchSize,
        get names() {
          return [...makers.keys()]
        },
        take(name: string) {
          const make = makers.get(name)!
          makers.delete(name)
          return make()
        },
        free() {},
      }
      yield batch as unknown as TrainingBatch
    }
  }

  stop(): void {}

  [Symbol.dispose](): void {}
}

export interface Run extends Disposable {
  readonly task: Task
  /** The loss's hooks, the counter of iterations, then further ones. */
  train(...more: Hook[]): Promise<void>
}

/** Puts a run together from made batches. */
export function makeRun(spec: RunSpec, seed = 1): Run {
  computeThreads(1)
  manualSeed(seed)
  const config: Config = configSchema.parse({
    MODEL: spec.MODEL,
    LOSS: spec.LOSS,
    OPTIMIZER: { num_epochs: 1, ...spec.OPTIMIZER },
    METERS: { name: '' },
    MACHINE: { MEMORY_FORMAT: 'contiguous' },
  })
  const model = new SslModel(config.MODEL)
  const loss: Loss = buildLoss(config.LOSS)
  const optimizer = buildOptimizer(config.OPTIMIZER, model)
  const lr = buildScheduler(config.OPTIMIZER.param_schedulers.lr as ScheduleParams, 1)
  const rates = new LearningRates(optimizer.groups, { lr, lr_head: undefined })
  const loader = new MadeLoader(spec) as unknown as Loader
  const task = new Task({
    config,
    model,
    loss,
    optimizer,
    rates,
    updates: new Updates(optimizer, rates),
    precision: precisionOf(config.MODEL.AMP_PARAMS, 'cpu'),
    meters: [],
    phases: (spec.phases ?? [true]).map((train) => ({ train })),
    trainLoader: loader,
    testLoader: loader,
  })
  return {
    task,
    train: (...more) => runPhases(task, [...lossHooks(task), new TrainIterationHook(), ...more]),
    [Symbol.dispose]: () => task.free(),
  }
}

/** Collects the loss of every step. */
export function collect(losses: number[]): Hook {
  return { name: 'collect', onLossAndMeter: (task: Task) => void losses.push(task.step.loss) } as Hook
}

/** Cuts a run after a step and goes on from its checkpoint with fresh parts; the losses of both parts together. */
export async function trainInTwoParts(spec: RunSpec, cut: number): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-loss-'))
  const path = join(folder, 'cut.torch')
  const losses: number[] = []
  const stop = new Error('cut')
  try {
    using first = makeRun(spec)
    const { task } = first
    const cutter = {
      name: 'cutter',
      onStep: () => {
        if (task.iteration !== cut) return
        const { model, loss, optimizer, losses: sums, rows, train } = task
        saveTorchFile(
          path,
          captureState({ model, loss, optimizer, progress: task, train, losses: sums, rows }, true),
        )
        throw stop
      },
    } as Hook
    await first.train(collect(losses), cutter).catch((error: unknown) => {
      if (!(error instanceof Error) || !error.message.includes('cut')) throw error
    })
    using second = makeRun(spec, 99)
    const saved = restoreState(path, second.task)
    second.task.resumeAt(saved.progress, saved.sums)
    await second.train(collect(losses))
    return losses
  } finally {
    rmSync(folder, { recursive: true })
  }
}
