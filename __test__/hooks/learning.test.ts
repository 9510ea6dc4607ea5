import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { z } from 'zod'
import type { Tensor } from '../../ts/engine/index.ts'
import { Loss, losses } from '../../ts/losses/index.ts'
import { functional } from '../../ts/nn/index.ts'
import { runTiny } from '../train/_run.ts'

/** Views shall be alike and nothing keeps images apart: the embeddings of all images become the same. */
class AlignmentOnly extends Loss {
  static readonly key = 'alignment_only'
  static readonly params = z.object({})
  override forward(embeddings: Tensor): Tensor {
    const [a, b] = functional.normalize(embeddings).chunk(2) as [Tensor, Tensor]
    return a.sub(b).pow(2).sum([1]).mean()
  }
}
losses.register(AlignmentOnly.key, AlignmentOnly)

type Row = { type: string; kind?: string; epoch?: number; iteration: number; spread?: number }

async function rowsOf(t: ExecutionContext, overrides: readonly string[]): Promise<[Row[], string]> {
  const cwd = mkdtempSync(join(tmpdir(), 'vissl-learning-'))
  t.teardown(() => rmSync(cwd, { recursive: true, force: true }))
  const small = ['config.DATA.TRAIN.DATA_LIMIT=640', 'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=32']
  const printed = await runTiny(cwd, { overrides: [...small, 'config.HOOKS.LEARNING.EVERY=5', ...overrides] })
  const text = readFileSync(join(cwd, 'runs/tiny-1/metrics.jsonl'), 'utf8').trim().split('\n')
  return [text.map((line) => JSON.parse(line) as Row), printed]
}

const troubles = (rows: readonly Row[]): string[] =>
  rows.flatMap(({ type, kind }) => (type === 'finding' && kind !== 'slow loader' ? [kind!] : []))

const rate = (value: number): string => `config.OPTIMIZER.param_schedulers.lr={name:constant,value:${value}}`

test.serial('a run that is made to collapse is called so within two epochs', async (t) => {
  const [rows, printed] = await rowsOf(t, [`config.LOSS.name=${AlignmentOnly.key}`, rate(5)])
  t.true(troubles(rows).includes('collapse'))
  t.regex(printed, /step \d+ · collapse: every image gets the same embedding/)
  t.notRegex(printed, /no sign of collapse\n.*done in/s)
})

const healthy: [string, string[]][] = [
  ['SimCLR', []],
  ['SimCLR, small steps', [rate(0.001)]],
  ['SimCLR, another temperature', ['config.LOSS.simclr_info_nce_loss.temperature=0.5']],
  ['SimCLR with Adam', ['config.OPTIMIZER.name=adam', rate(0.001)]],
  ['SimCLR of another seed', ['config.SEED_VALUE=7']],
]
for (const [name, overrides] of healthy) {
  test.serial(`nothing is called on a healthy run: ${name}`, async (t) => {
    const [rows, printed] = await rowsOf(t, overrides)
    t.deepEqual(troubles(rows), [])
    t.regex(printed, /embeddings .* no sign of collapse/)
    const looks = rows.filter(({ type }) => type === 'learning')
    t.deepEqual(
      looks.map(({ iteration }) => iteration),
      [1, 5, 10, 15, 20, 25, 30, 35, 40],
    )
  })
}

test.serial('looking changes no loss, and can be left out', async (t) => {
  const lossesOf = (rows: readonly Row[]) =>
    rows.filter(({ type }) => type === 'step').map((row) => (row as unknown as { loss: number }).loss)
  const [watched] = await rowsOf(t, ['config.OPTIMIZER.num_epochs=1'])
  const [plain] = await rowsOf(t, ['config.OPTIMIZER.num_epochs=1', 'config.HOOKS.LEARNING.ENABLED=false'])
  t.deepEqual(lossesOf(plain), lossesOf(watched))
  t.false(plain.some(({ type }) => type === 'learning'))
})

test.serial('a learning rate of 0 is called a dead loss', async (t) => {
  const [rows] = await rowsOf(t, [rate(0)])
  t.deepEqual(troubles(rows), ['dead loss'])
})
