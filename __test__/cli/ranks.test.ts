import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { ExitCode } from '../../ts/errors.ts'
import { type Child, lossesOf, scratch, trainTiny } from './_process.ts'

const synchronised = 'config.MODEL.SYNC_BN_CONFIG.CONVERT_BN_TO_SYNC_BN=true'
const two = [
  'config.DISTRIBUTED.NUM_PROC_PER_NODE=2',
  'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=8',
  synchronised,
]
/** MoCo has a queue in each process, an encoder of its own, and shuffles batches over processes. */
const queued = [
  'config.LOSS.name=moco_loss',
  'config.LOSS.moco_loss.queue_size=64',
  'config.LOSS.moco_loss.embedding_dim=16',
  'config.DATA.TRAIN.COLLATE_FUNCTION=moco_collator',
]
const run = (cwd: string) => join(cwd, 'runs/quickstart-1')

/** Process ids of a starter's ranks, by rank. */
function ranksOf({ process: starter }: Child): number[] {
  const ids = execFileSync('ps', ['-o', 'pid=', '--ppid', String(starter.pid)], { encoding: 'utf8' })
  const rankOf = (id: string): number =>
    Number(/(?:^|\0)RANK=(\d+)\0/.exec(readFileSync(`/proc/${id}/environ`, 'latin1'))?.[1] ?? Number.NaN)
  const ranks = ids
    .trim()
    .split(/\s+/)
    .filter((id) => existsSync(`/proc/${id}`))
  const found: number[] = []
  for (const id of ranks) if (!Number.isNaN(rankOf(id))) found[rankOf(id)] = Number(id)
  return found
}

/** Small steps on feature maps of some size: rounding stays rounding over 20 steps. */
const smooth = [
  'config.DATA.TRAIN.TRANSFORMS.1.size=32',
  'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.LAYER4_STRIDE=1',
  'config.OPTIMIZER.param_schedulers.lr.schedulers=[{name:linear,start_value:0.0001,end_value:0.0005},{name:cosine,start_value:0.0005,end_value:0.0}]',
  'config.OPTIMIZER.num_epochs=5',
  // One thread sums gradients of batch normalisation less exactly channels last.
  'config.MACHINE.MEMORY_FORMAT=contiguous',
]

test('two processes have the losses of one with the joined batch, whichever way gradients are exchanged', async (t) => {
  const train = async (overrides: readonly string[]) => {
    const cwd = scratch(t)
    const { code, out, err } = await trainTiny(cwd, [...smooth, ...overrides]).ended
    t.is(code, ExitCode.ok, err)
    return { cwd, out, losses: [...lossesOf(run(cwd)).values()] }
  }
  const one = await train([])
  const pair = await train(two)
  t.is(one.losses.length, 20)
  const largest = Math.max(...one.losses.map((loss, i) => Math.abs(loss - pair.losses[i]!)))
  t.true(largest < 1e-5, `${largest}`)
  t.regex(pair.out, /batch +16 images \(8 images × 2 processes\)/)
  t.true(existsSync(join(run(pair.cwd), 'ranks/rank1/log.txt')))
  const recomputed = await train([
    ...two,
    'config.MODEL.ACTIVATION_CHECKPOINTING.USE_ACTIVATION_CHECKPOINTING=true',
  ])
  t.deepEqual(recomputed.losses, pair.losses)
})

test('SIGTERM makes all processes save after the same step; the resumed run has the losses of a whole one', async (t) => {
  const [whole, cut] = [scratch(t), scratch(t)]
  const arguments_ = [...two, ...queued]
  const end = await trainTiny(whole, arguments_).ended
  t.is(end.code, ExitCode.ok, end.err)
  const child = trainTiny(cut, arguments_)
  await child.printed(/iter: 2;/)
  child.kill('SIGTERM')
  const stopped = await child.ended
  t.is(stopped.code, ExitCode.terminated, stopped.err)
  t.regex(stopped.err, /stopped by SIGTERM at step \d+; saved /)
  t.notRegex(stopped.err + stopped.out, /rank 1/)
  const resumed = await trainTiny(cut, [...arguments_, '--resume']).ended
  t.is(resumed.code, ExitCode.ok, resumed.err)
  t.deepEqual([...lossesOf(run(cut))], [...lossesOf(run(whole))])
})

test('a process that is killed ends the run, and is named', async (t) => {
  const child = trainTiny(scratch(t), [...two, 'config.OPTIMIZER.num_epochs=500'])
  await child.printed(/iter: 3;/)
  const ranks = ranksOf(child)
  process.kill(ranks[1]!, 'SIGKILL')
  const { code, out } = await child.ended
  t.is(code, 137)
  t.regex(out, /rank 1 was killed by SIGKILL after step \d+ \(training\).*the other ranks are stopped/)
  for (const id of ranks) t.false(existsSync(`/proc/${id}`))
})

test('processes whose starter is gone save and end', async (t) => {
  const folder = scratch(t)
  const child = trainTiny(folder, [...two, 'config.OPTIMIZER.num_epochs=500'])
  await child.printed(/iter: 2;/)
  const ranks = ranksOf(child)
  child.process.kill('SIGKILL')
  await child.ended
  for (const id of ranks) execFileSync('tail', ['--pid', String(id), '-f', '/dev/null'])
  t.true(existsSync(join(run(folder), 'checkpoints/checkpoint.torch')))
})

test('a rank that was started by hand finds its place in the environment', async (t) => {
  const { code, err } = await trainTiny(scratch(t), two, { env: { RANK: '1', WORLD_SIZE: '3' } }).ended
  t.is(code, ExitCode.usage)
  t.regex(err, /WORLD_SIZE is 3, and config.DISTRIBUTED asks for 1 × 2 processes/)
})
