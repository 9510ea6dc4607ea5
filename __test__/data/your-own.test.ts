import test from 'ava'
import { z } from 'zod'
import {
  type CollatorTensors,
  copyTensor,
  createLoader,
  type DataSplit,
  type LoaderOptions,
  registerCollator,
  registerSampler,
  releaseTensor,
} from '../../ts/data/index.ts'
import { ops, scope } from '../../ts/engine/index.ts'
import { ExitCode } from '../../ts/errors.ts'
import type { Task } from '../../ts/train/task.ts'
import { chapter, supervised, trainTiny } from '../launch/_own.ts'
import { flat } from '../nn/numbers.ts'

const split: DataSplit = {
  DATA_SOURCES: ['shapes'],
  DATA_PATHS: [],
  LABEL_SOURCES: ['shapes'],
  TRANSFORMS: [{ name: 'ToTensor' }],
  COLLATE_FUNCTION: 'default_collate',
  BATCHSIZE_PER_REPLICA: 4,
  DATA_LIMIT: 10,
}

type Row = Readonly<Record<string, number[]>>

/** The numbers of every batch, by tensor. */
async function epoch(
  changes: Partial<DataSplit>,
  options: Partial<LoaderOptions> = {},
  start = 0,
  number = 0,
) {
  using loader = createLoader({ split: { ...split, ...changes }, shapesSize: 8, ...options })
  const rows: Row[] = []
  for await (const batch of loader.epoch(number, start)) {
    scope(() => rows.push(Object.fromEntries(batch.names.map((name) => [name, flat(batch.take(name))]))))
  }
  return { rows, batches: loader.batches }
}

test.before(async (t) => {
  t.deepEqual((await chapter('transform')).registered, ['transform Cutout'])
  t.deepEqual((await chapter('collator')).registered, ['collator turns'])
  t.deepEqual((await chapter('sampler')).registered, ['sampler repeated'])
})

test.serial('a transform: one square of each picture is hidden, and no other pixel changes', async (t) => {
  const images = async (TRANSFORMS: DataSplit['TRANSFORMS']) => {
    using loader = createLoader({ split: { ...split, TRANSFORMS }, shapesSize: 16, order: 'sequential' })
    const all: Float32Array[] = []
    for await (const batch of loader.epoch(0)) {
      const memory = batch.takeMemory('data.0')
      const values = new Float32Array(copyTensor(memory).slice().buffer)
      releaseTensor(memory)
      for (let at = 0; at < values.length; at += 3 * 256) all.push(values.slice(at, at + 3 * 256))
    }
    return all
  }
  const plain = await images([{ name: 'ToTensor' }])
  const cut = await images([{ name: 'Cutout', size: 6, fill: 255 }, { name: 'ToTensor' }])
  t.is(cut.length, 10)
  for (const [i, image] of cut.entries()) {
    const hidden = Array.from({ length: 256 }, (_, at) => at).filter((at) =>
      [0, 1, 2].some((c) => image[c * 256 + at] !== plain[i]![c * 256 + at]),
    )
    t.true(hidden.length > 0)
    const [xs, ys] = [hidden.map((at) => at % 16), hidden.map((at) => at >> 4)]
    t.true(Math.max(...xs) - Math.min(...xs) < 6 && Math.max(...ys) - Math.min(...ys) < 6)
    t.true(hidden.every((at) => [0, 1, 2].every((c) => image[c * 256 + at] === 1)))
  }
  t.throws(() => createLoader({ split: { ...split, TRANSFORMS: [{ name: 'Cutout', sise: 3 }] } }), {
    message: /did you mean size/,
  })
})

test.serial('a collator: all turns of every image with their number, and it trains', async (t) => {
  const { rows: plain } = await epoch({})
  const { rows: turned } = await epoch({ COLLATE_FUNCTION: 'turns' })
  t.deepEqual(Object.keys(turned[0]!), ['data.0', 'label.0', 'data_idx.0', 'data_valid.0'])
  for (const [b, row] of turned.entries()) {
    const indices = plain[b]!['data_idx.0']!
    const each = [0, 1, 2, 3]
    t.deepEqual(
      row['data_idx.0'],
      each.flatMap(() => indices),
    )
    t.deepEqual(
      row['label.0'],
      each.flatMap((turn) => indices.map(() => turn)),
    )
    const images = plain[b]!['data.0']!
    // Turn 1 takes the pixel at row y, column x from row x, column 7 − y.
    const quarter = images.map((_, at) => {
      const [x, y, plane] = [at % 8, (at >> 3) % 8, at - (at % 64)]
      return images[plane + 8 * x + 7 - y]!
    })
    t.deepEqual(row['data.0']!.slice(0, images.length), images)
    t.deepEqual(row['data.0']!.slice(images.length, 2 * images.length), quarter)
  }
  const losses: number[] = []
  await trainTiny('collator', {
    overrides: [
      ...supervised,
      'config.DATA.TRAIN.COLLATE_FUNCTION=turns',
      'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[32,4]}]]',
    ],
    hooks: [
      {
        name: 'watch',
        onUpdate: ({ step }) => {
          t.is((step.input as { shape: number[] }).shape[0], 64)
          losses.push(step.loss)
        },
      },
    ],
  })
  t.is(losses.length, 8)
})

test.serial('a sampler: images stand in a row, shared out to all processes', async (t) => {
  const of = async (options: Partial<LoaderOptions>, start = 0, number = 0) => {
    const { rows } = await epoch(
      { SAMPLER: 'repeated', SAMPLER_PARAMS: { times: 2 } },
      options,
      start,
      number,
    )
    return rows.flatMap((row) => row['data_idx.0']!)
  }
  const alone = await of({})
  t.is(alone.length, 10)
  t.is(new Set(alone).size, 5)
  for (let i = 0; i < 10; i += 2) t.is(alone[i], alone[i + 1])
  t.deepEqual(await of({}), alone)
  t.deepEqual(await of({}, 1), alone.slice(4))
  t.notDeepEqual(await of({}, 0, 1), alone)
  t.notDeepEqual(await of({ seed: 1 }), alone)
  const ranks = await Promise.all([0, 1].map((rank) => of({ rank, worldSize: 2 })))
  t.deepEqual(
    ranks[0]!.flatMap((index, i) => [index, ranks[1]![i]]),
    alone,
  )
  t.is((await epoch({ SAMPLER: 'repeated', DROP_LAST: true })).batches, 2)
})

test.serial(
  'a run that stops in the middle of an epoch goes on exactly, with sampler, collator and transform',
  async (t) => {
    const overrides = [
      ...supervised,
      '+config.DATA.TRAIN.SAMPLER=repeated',
      'config.DATA.TRAIN.COLLATE_FUNCTION=turns',
      'config.DATA.TRAIN.TRANSFORMS=[{name:CenterCrop,size:16},{name:Cutout,size:4},{name:ToTensor}]',
      'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[32,4]}]]',
    ]
    const run = async (name: string, until: number, resume: string | undefined = undefined) => {
      const losses: number[] = []
      const watch = {
        name: 'watch',
        onStep: (task: Task) => {
          losses.push(task.step.loss)
          if (task.iteration === until) task.requestStop('enough', ExitCode.interrupted)
        },
      }
      const training = trainTiny(name, { overrides, hooks: [watch], resume })
      if (until > 0) await t.throwsAsync(training, { message: /enough/ })
      else await training
      return losses
    }
    const whole = await run('mixed', 0)
    t.is(whole.length, 8)
    t.deepEqual([...(await run('mixed-parts', 6)), ...(await run('mixed-parts', 0, 'auto'))], whole)
  },
)

registerCollator('wrong', {
  params: z.strictObject({ as: z.string() }),
  create:
    ({ as }) =>
    ({ data }: CollatorTensors, random) => {
      const wrong: Record<string, unknown> = {
        number: 3,
        tensor: data[0],
        flat: { data: data[0] },
        entry: { data: [1] },
        later: Promise.resolve({}),
        dotted: { 'data.x': [data[0]] },
        drawn: { data: [ops.full([1], random.unit())] },
      }
      if (as === 'throws') throw new Error('no luck')
      return wrong[as] as never
    },
})

test.serial('what a collator gives is looked at; what it draws goes on from any batch', async (t) => {
  const fails = async (as: string, message: RegExp) => {
    const run = epoch({ COLLATE_FUNCTION: 'wrong', COLLATE_FUNCTION_PARAMS: { as } }, { order: 'sequential' })
    await t.throwsAsync(run, { message })
  }
  await fails('throws', /collator "wrong", epoch 0, batch 0 \(samples 0, 1, 2, 3\): no luck/)
  await fails('number', /it returned 3 rather than a map/)
  await fails('tensor', /it returned a tensor/)
  await fails('flat', /"data" is a tensor rather than a list/)
  await fails('entry', /"data.0" is 1 rather than a tensor/)
  await fails('later', /a promise/)
  await fails('dotted', /"data.x" has a dot/)
  const drawn = async (start: number) =>
    (await epoch({ COLLATE_FUNCTION: 'wrong', COLLATE_FUNCTION_PARAMS: { as: 'drawn' } }, {}, start)).rows
  const all = await drawn(0)
  t.is(new Set(all.map((row) => row['data.0']![0])).size, 3)
  t.deepEqual(await drawn(1), all.slice(1))
  t.throws(() => createLoader({ split: { ...split, COLLATE_FUNCTION: 'wrong' } }), { message: /as: / })
  t.throws(() => createLoader({ split: { ...split, COLLATE_FUNCTION: 'wrogn' } }), {
    message: /did you mean wrong/,
  })
})

registerSampler('wrong', {
  params: z.strictObject({ as: z.string() }),
  create:
    ({ as }) =>
    ({ size, rank, epoch }) => {
      if (as === 'throws') throw new Error('no luck')
      const wrong: Record<string, unknown> = {
        set: new Set([1]),
        over: [0, size],
        half: [0.5],
        long: new BigInt64Array(1),
        uneven: Array<number>(rank + 1).fill(0),
        growing: Array<number>(epoch + 1).fill(0),
        none: [],
      }
      return wrong[as] as never
    },
})

test.serial('what a sampler gives is looked at', async (t) => {
  const fails = async (as: string, message: RegExp, options: Partial<LoaderOptions> = {}, number = 0) => {
    await t.throwsAsync(epoch({ SAMPLER: 'wrong', SAMPLER_PARAMS: { as } }, options, 0, number), { message })
  }
  await fails('throws', /sampler "wrong" failed in epoch 0: no luck/)
  await fails('set', /a Set rather than a Uint32Array/)
  await fails('long', /a BigInt64Array rather than/)
  await fails('over', /gave 10 at place 1 of epoch 0, and samples are 0 to 9/)
  await fails('half', /gave 0.5 at place 0/)
  await fails('uneven', /process 0 1 samples and process 1 2/, { worldSize: 2 })
  await fails('growing', /gives 3 samples in epoch 2 and 1 in epoch 0/, {}, 2)
  await fails('none', /gives 0 samples, and a batch has 4/)
  t.throws(() => createLoader({ split: { ...split, SAMPLER: 'repaeted' } }), {
    message: /did you mean repeated/,
  })
})
