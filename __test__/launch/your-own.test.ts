import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { noGrad, ops, Parameter, scope, tensor } from '../../ts/engine/index.ts'
import { ExitCode } from '../../ts/errors.ts'
import { meters } from '../../ts/meters/index.ts'
import { heads } from '../../ts/models/index.ts'
import { optimizers, sampleSchedule } from '../../ts/optim/index.ts'
import type { Hook } from '../../ts/train/hook.ts'
import type { Task } from '../../ts/train/task.ts'
import { trainSteps } from '../../ts/train/train-step.ts'
import { flat } from '../nn/numbers.ts'
import { chapter, place, supervised, trainTiny } from './_own.ts'

/** Calls a function after every training step, with the tensors of the step still there. */
const watch = (look: (task: Task) => void): Hook => ({ name: 'watch', onUpdate: look })

const near = (a: number, b: number, within = 1e-5): boolean =>
  Math.abs(a - b) <= within * Math.max(1, Math.abs(b))

test.serial('a head: its scores are cosines over the temperature, and it trains', async (t) => {
  t.deepEqual((await chapter('head')).registered, ['head cosine'])
  const kind = heads.get('cosine')
  using head = new kind({ dims: [2, 2], temperature: 0.5 } as never, { HEAD: {} } as never)
  scope(() => {
    const { weight } = head as unknown as { weight: Parameter }
    noGrad(() => weight.copy_(tensor([3, 4, 0, -2]).reshape([2, 2])))
    const scores = flat(head.call(tensor([1, 0, 5, 5]).reshape([2, 2])) as never)
    for (const [i, cosine] of [0.6, 0, 7 / Math.sqrt(50), -Math.SQRT1_2].entries())
      t.true(near(scores[i]!, cosine / 0.5))
  })
  const largest: number[] = []
  await trainTiny('head', {
    overrides: [...supervised, 'config.MODEL.HEAD.PARAMS=[[cosine,{dims:[32,10],temperature:0.2}]]'],
    hooks: [watch(({ step }) => largest.push((step.output as never as Parameter).abs().max().item()))],
  })
  t.is(largest.length, 8)
  t.true(largest.every((value) => value > 0.1 && value <= 5.00001))
  const mistyped = trainTiny('head-mistyped', {
    overrides: [...supervised, 'config.MODEL.HEAD.PARAMS=[[cosine,{dims:[32,10],temprature:0.2}]]'],
  })
  await t.throwsAsync(mistyped, { message: /did you mean temperature/ })
})

test.serial('a meter: rare classes count as much as frequent ones', async (t) => {
  t.deepEqual((await chapter('meter')).registered, ['meter balanced_accuracy'])
  const kind = meters.get('balanced_accuracy')
  const meter = new kind({ classes: 3 } as never)
  // Class 0: 3 of 4 right, class 1: 0 of 1, class 2: not seen.
  scope(() => {
    const scores = ops.eye(3).index_select(0, tensor(new BigInt64Array([0n, 0n, 0n, 1n, 0n])))
    meter.update([scores], tensor(new BigInt64Array([0n, 0n, 0n, 0n, 1n])))
  })
  meter.sync()
  t.deepEqual(meter.value(), { balanced: { '0': 37.5 } })
  const other = new kind({ classes: 3 } as never)
  other.loadStateDict(meter.stateDict())
  t.deepEqual(other.value(), meter.value())
  const counted = [new Array<number>(10).fill(0), new Array<number>(10).fill(0)] as const
  const { metrics } = await trainTiny('meter', {
    overrides: [
      ...supervised,
      'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[32,10]}]]',
      'config.OPTIMIZER.num_epochs=1',
      'config.METERS.name=balanced_accuracy',
    ],
    hooks: [
      watch(({ step }) => {
        const best = (step.output as Parameter).argmax(1).toTypedArray()
        for (const [i, label] of (step.target as Parameter).toTypedArray().entries()) {
          counted[0][Number(label)]! += 1
          if (best[i] === label) counted[1][Number(label)]! += 1
        }
      }),
    ],
  })
  const recalls = counted[0].flatMap((all, i) => (all === 0 ? [] : [counted[1][i]! / all]))
  const expected = (100 * recalls.reduce((sum, recall) => sum + recall, 0)) / recalls.length
  const phase = metrics.find(({ type }) => type === 'phase')!
  t.true(near((phase.balanced_accuracy as { balanced: Record<string, number> }).balanced['0']!, expected))
})

test.serial('a hook: the norm of all gradients, and what it remembers over a resume', async (t) => {
  t.deepEqual((await chapter('hook')).registered, ['hook gradient_norm'])
  const clipped: number[] = []
  const options = (file: string) => ({
    overrides: [
      'config.HOOKS.EXTRA=[gradient_norm]',
      `+config.HOOKS.gradient_norm={file:'${file}'}`,
      'config.MODEL.GRAD_CLIP.USE_GRAD_CLIP=true',
      'config.MODEL.GRAD_CLIP.MAX_NORM=1000000',
      'config.CHECKPOINT.CHECKPOINT_ITER_FREQUENCY=1',
    ],
  })
  const folder = place('norms')
  const whole = join(folder, 'whole.csv')
  await trainTiny('hook', {
    ...options(whole),
    hooks: [watch((task) => clipped.push(task.updates.gradientNorm!))],
  })
  const rows = readFileSync(whole, 'utf8').trim().split('\n')
  t.is(rows.length, 9)
  for (const [i, norm] of clipped.entries()) {
    const [step, written] = rows[i]!.split(',').map(Number)
    t.is(step, i + 1)
    t.true(near(written!, norm))
  }
  t.is(rows[8], `largest,${Math.max(...rows.slice(0, 8).map((row) => Number(row.split(',')[1])))}`)

  // Stopped after the fifth step and resumed: the rows go on, the largest of all is remembered.
  const parts = join(folder, 'parts.csv')
  const stop: Hook = {
    name: 'stop',
    onStep: (task) => {
      if (task.iteration === 5) task.requestStop('enough', ExitCode.interrupted)
    },
  }
  await t.throwsAsync(trainTiny('hook-parts', { ...options(parts), hooks: [stop] }), { message: /enough/ })
  await trainTiny('hook-parts', { ...options(parts), resume: 'auto' })
  t.deepEqual(readFileSync(parts, 'utf8').trim().split('\n'), rows)
})

test.serial('an optimizer: Lion’s first updates in closed form, and it trains', async (t) => {
  t.deepEqual((await chapter('optimizer')).registered, ['optimizer lion'])
  const kind = optimizers.get('lion')
  const param = new Parameter(tensor([1, -2, 3]))
  const settings = { lr: 0.1, lion_betas: [0.9, 0.5], weight_decay: 0.01 }
  const lion = new kind([{ params: [param] }], settings as never)
  const expected = [1, -2, 3]
  const mean = [0, 0, 0]
  for (const grads of [
    [1, -4, 0],
    [-2, 1, 5],
    [0.3, 3, -9],
  ]) {
    param.grad = tensor(grads)
    lion.step()
    for (const [i, g] of grads.entries()) {
      const direction = Math.sign(0.9 * mean[i]! + 0.1 * g)
      expected[i] = expected[i]! * (1 - 0.1 * 0.01) - 0.1 * direction
      mean[i] = 0.5 * mean[i]! + 0.5 * g
    }
    for (const [i, value] of flat(param).entries()) t.true(near(value, expected[i]!))
  }
  t.deepEqual(Object.keys(lion.stateDict().state[0]!), ['exp_avg'])
  lion.free()

  // In a run every weight that has a gradient moves by the learning rate, and that alone.
  let before: number[] = []
  const moved: number[] = []
  await trainTiny('optimizer', {
    overrides: [
      'config.OPTIMIZER.name=lion',
      'config.OPTIMIZER.weight_decay=0',
      'config.OPTIMIZER.num_epochs=1',
    ],
    hooks: [
      {
        name: 'watch',
        onForward: (task) => {
          before = flat(task.model.parameters()[0]!)
        },
        onUpdate: (task) => {
          const { lr } = task.optimizer.groups[0]!
          for (const [i, value] of flat(task.model.parameters()[0]!).entries())
            moved.push(Math.abs(value - before[i]!) / lr)
        },
      },
    ],
  })
  t.true(moved.length > 100)
  t.true(moved.every((distance) => distance === 0 || near(distance, 1, 1e-3)))
  t.true(moved.filter((distance) => distance > 0).length > moved.length / 2)
})

test.serial('a schedule: its values, and the learning rates of a run', async (t) => {
  t.deepEqual((await chapter('schedule')).registered, ['scheduler wsd'])
  const params = { name: 'wsd', value: 2, warmup: 0.25, decay: 0.5 }
  const values = sampleSchedule(params, 2, 4).map(({ value }) => value)
  t.deepEqual(values, [0, 1, 2, 2, 2, 2 * (1 - 0.5), 2 * (1 - Math.SQRT1_2), 2 * (1 - Math.sqrt(0.75))])
  const rates: number[] = []
  await trainTiny('schedule', {
    overrides: [
      'config.OPTIMIZER.param_schedulers.lr.name=wsd',
      'config.OPTIMIZER.param_schedulers.lr.value=2',
      '+config.OPTIMIZER.param_schedulers.lr.warmup=0.25',
      '+config.OPTIMIZER.param_schedulers.lr.decay=0.5',
    ],
    hooks: [watch(({ optimizer }) => rates.push(optimizer.groups[0]!.lr))],
  })
  t.is(rates.length, values.length)
  for (const [i, rate] of rates.entries()) t.true(near(rate, values[i]!, 1e-9), `${i}: ${rate}`)
})

test.serial('a train step: the gradient at the worst point nearby, and it trains', async (t) => {
  t.deepEqual((await chapter('train-step')).registered, ['train step sam'])
  const kind = trainSteps.get('sam')
  const step = new kind({ rho: 0.5 } as never) as unknown as { update(task: unknown, loss: unknown): void }
  // Of w₁⁴ + w₂⁴ the gradient is 4w³; at w = (1, −1) the worst point lies 0.5/√2 further out on each axis.
  const weights = new Parameter(tensor([1, -1]))
  const loss = () => weights.pow(4).sum()
  let gradient: number[] = []
  scope(() => {
    step.update(
      {
        optimizer: {
          groups: [{ params: [weights] }],
          zeroGrad: () => {
            weights.grad = null
          },
        },
        precision: { run: <T>(action: () => T) => action() },
        model: { call: () => weights },
        loss: { call: loss },
        step: {},
        notify: () => {},
        updates: {
          backward: (second: Parameter) => {
            weights.grad = null
            second.backward()
            gradient = flat(weights.grad!)
          },
          step: () => true,
        },
      },
      loss(),
    )
  })
  const away = 1 + 0.5 * Math.SQRT1_2
  t.true(near(gradient[0]!, 4 * away ** 3) && near(gradient[1]!, -4 * away ** 3))
  t.true(flat(weights).every((value, i) => near(value, i === 0 ? 1 : -1)))

  const losses = async (name: string, ...overrides: string[]) => {
    const all: number[] = []
    await trainTiny(name, {
      overrides: ['config.OPTIMIZER.num_epochs=1', ...overrides],
      hooks: [watch(({ step }) => all.push(step.loss))],
    })
    return all
  }
  const plain = await losses('plain-step')
  const sam = await losses('sam', 'config.TRAINER.TRAIN_STEP_NAME=sam', '+config.TRAINER.sam={rho:0.1}')
  t.is(sam.length, 4)
  t.is(sam[0], plain[0])
  t.not(sam[2], plain[2])
  await t.throwsAsync(
    losses('sam-bad', 'config.TRAINER.TRAIN_STEP_NAME=sam', '+config.TRAINER.sam={roh:1}'),
    {
      message: /did you mean rho/,
    },
  )
})
