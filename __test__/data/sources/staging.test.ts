import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { DatasetCatalog } from '../../../ts/data/catalog.ts'
import type { DataSplit } from '../../../ts/data/dataset.ts'
import { type StageOptions, stageData } from '../../../ts/data/sources/staging.ts'
import { ExitCode, VisslError } from '../../../ts/errors.ts'

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-staging-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function save(path: string, text: string): string {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return path
}

const split = (path: string, to: string, changes: Partial<DataSplit> = {}): DataSplit => ({
  DATA_SOURCES: ['disk_folder'],
  DATASET_NAMES: ['x'],
  DATA_PATHS: [path],
  LABEL_SOURCES: [],
  TRANSFORMS: [],
  COLLATE_FUNCTION: 'default_collate',
  BATCHSIZE_PER_REPLICA: 1,
  COPY_TO_LOCAL_DISK: true,
  COPY_DESTINATION_DIR: to,
  ...changes,
})

const stage = (TRAIN: DataSplit, TEST: DataSplit, options: StageOptions = {}) =>
  stageData({ TRAIN, TEST }, { env: {}, catalog: new DatasetCatalog({ files: [] }), ...options })

test('a folder is copied whole, marked, and read from the copy; other splits stay', async (t) => {
  const folder = scratch(t)
  save(join(folder, 'data/train/cat/a.png'), 'a')
  save(join(folder, 'data/train/dog/deep/b.png'), 'b')
  const other = split(join(folder, 'data/train'), '', { COPY_TO_LOCAL_DISK: false })
  const { splits, cleanUp } = await stage(split(join(folder, 'data/train'), join(folder, 'disk')), other)
  const copy = join(folder, 'disk/train')
  t.deepEqual(splits.TRAIN.DATA_PATHS, [copy])
  t.is(splits.TEST, other)
  t.is(readFileSync(join(copy, 'dog/deep/b.png'), 'utf8'), 'b')
  t.true(existsSync(join(copy, 'copy_complete')))
  await cleanUp()
  t.true(existsSync(copy), 'a given destination stays')
})

test('lists and labels are copied as files', async (t) => {
  const folder = scratch(t)
  const at = (name: string) => save(join(folder, 'data', name), name)
  const train = split(at('images.npy'), join(folder, 'disk'), {
    DATA_SOURCES: ['disk_filelist'],
    LABEL_SOURCES: ['disk_filelist'],
    LABEL_PATHS: [[at('l1.npy'), at('l2.npy')]],
  })
  const { splits } = await stage(train, train)
  const copied = (name: string) => join(folder, 'disk', name)
  t.deepEqual(splits.TRAIN.DATA_PATHS, [copied('images.npy')])
  t.deepEqual(splits.TRAIN.LABEL_PATHS, [[copied('l1.npy'), copied('l2.npy')]])
  t.is(readFileSync(copied('l2.npy'), 'utf8'), 'l2.npy')
})

test('a complete copy is used again, an interrupted one is completed', async (t) => {
  const folder = scratch(t)
  const origin = join(folder, 'train')
  save(join(origin, 'a.png'), 'a')
  save(join(origin, 'b.png'), 'b')
  const train = split(origin, join(folder, 'disk'))
  const copy = join(folder, 'disk/train')
  await stage(train, train)
  // Complete: nothing is looked at any more.
  save(join(copy, 'a.png'), 'changed')
  await stage(train, train)
  t.is(readFileSync(join(copy, 'a.png'), 'utf8'), 'changed')
  // Not complete: what differs is copied, what is the same stays.
  rmSync(join(copy, 'copy_complete'))
  const before = statSync(join(copy, 'b.png')).ino
  await stage(train, train)
  t.is(readFileSync(join(copy, 'a.png'), 'utf8'), 'a')
  t.is(statSync(join(copy, 'b.png')).ino, before)
  t.true(existsSync(join(copy, 'copy_complete')))
})

test('two folders of one name have copies of their own', async (t) => {
  const folder = scratch(t)
  save(join(folder, 'one/images/a.png'), '1')
  save(join(folder, 'two/images/a.png'), '2')
  const to = join(folder, 'disk')
  const { splits } = await stage(split(join(folder, 'one/images'), to), split(join(folder, 'two/images'), to))
  const [train, test] = [splits.TRAIN.DATA_PATHS[0]!, splits.TEST.DATA_PATHS[0]!]
  t.is(readFileSync(join(train, 'a.png'), 'utf8'), '1')
  t.is(readFileSync(join(test, 'a.png'), 'utf8'), '2')
})

test('a temporary folder and one of SLURM are deleted at the end', async (t) => {
  const folder = scratch(t)
  const origin = join(folder, 'train')
  save(join(origin, 'a.png'), 'a')
  const temporary = await stage(split(origin, ''), split(origin, ''), { runId: `test-${process.pid}` })
  const [path] = temporary.splits.TRAIN.DATA_PATHS
  t.is(path, join(tmpdir(), `vissl-data-test-${process.pid}`, 'train'))
  t.true(existsSync(path!))
  await temporary.cleanUp()
  t.false(existsSync(join(path!, '..')))
  const to = join(folder, 'disk')
  const slurm = await stage(split(origin, to), split(origin, to), { env: { SLURM_JOBID: '77' } })
  t.deepEqual(slurm.splits.TEST.DATA_PATHS, [join(to, '77', 'train')])
  await slurm.cleanUp()
  t.deepEqual(readdirSync(to), [])
})

test('one process a machine copies, the others wait and read the same', async (t) => {
  const folder = scratch(t)
  const origin = join(folder, 'train')
  save(join(origin, 'a.png'), 'a')
  const train = split(origin, join(folder, 'disk'))
  const calls: string[] = []
  const leader = stage(train, train, { barrier: () => calls.push('leader') })
  const other = stage(train, train, {
    isLeader: false,
    barrier: async () => {
      await leader
      calls.push('other')
    },
  })
  const [first, second] = await Promise.all([leader, other])
  t.deepEqual(first.splits, second.splits)
  t.deepEqual(calls, ['leader', 'other'])
})

test('stopping leaves no half files; links in a circle end', async (t) => {
  const folder = scratch(t)
  const origin = join(folder, 'train')
  for (let i = 0; i < 200; i++) save(join(origin, `${i}.png`), 'x'.repeat(1000))
  symlinkSync(origin, join(origin, 'again'))
  symlinkSync('nowhere', join(origin, 'dangling'))
  const train = split(origin, join(folder, 'disk'))
  const abort = new AbortController()
  const stopped = stage(train, train, { signal: abort.signal, say: () => abort.abort() })
  await t.throwsAsync(stopped, { any: true })
  t.false(existsSync(join(folder, 'disk/train/copy_complete')))
  await stage(train, train)
  const copied = readdirSync(join(folder, 'disk/train'))
  t.is(copied.length, 201)
  t.false(copied.some((name) => name.endsWith('.part')))
})

test('what cannot be copied is an error that says where', async (t) => {
  const folder = scratch(t)
  const origin = join(folder, 'train')
  save(join(origin, 'a.png'), 'a')
  const file = save(join(folder, 'file'), '')
  const error = await t.throwsAsync(stage(split(origin, file), split(origin, file)), {
    instanceOf: VisslError,
  })
  t.is(error.exitCode, ExitCode.environment)
  t.regex(error.message, /train cannot be copied to .*file\/train/)
  await t.throwsAsync(stage(split(join(folder, 'none'), folder), split(origin, folder)), {
    message: /does not exist/,
  })
})
