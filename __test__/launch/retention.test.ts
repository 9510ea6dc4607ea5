import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { firstVerified, keepNewest, newestFirst, removeStrays } from '../../ts/checkpoint/retention.ts'
import { checkFileDigest, saveTorchFile } from '../../ts/checkpoint/torch-file.ts'
import { composeConfig } from '../../ts/config/index.ts'
import { placeRun } from '../../ts/launch/resume.ts'

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-retention-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Sound files, each written a second after the one before. */
function fill(folder: string, ...names: string[]): void {
  for (const [second, name] of names.entries()) {
    saveTorchFile(join(folder, name), { name })
    utimesSync(join(folder, name), 1000 + second, 1000 + second)
  }
}

const step = (number: number): string => `model_iteration${number}.torch`
const link = (folder: string, name: string): void => symlinkSync(name, join(folder, 'checkpoint.torch'))
const names = (paths: readonly string[]): string[] => paths.map((path) => basename(path))

test('newest first: by numbers, kinds merged by when they were written', (t) => {
  const folder = scratch(t)
  fill(folder, step(2), 'model_phase0.torch', step(10), 'model_phase1.torch', step(12))
  writeFileSync(join(folder, 'notes.torch'), '')
  t.deepEqual(names(newestFirst(folder)), [
    step(12),
    'model_phase1.torch',
    step(10),
    'model_phase0.torch',
    step(2),
  ])
  // A clock that was set back does not turn steps around.
  utimesSync(join(folder, step(12)), 1, 1)
  t.deepEqual(
    names(newestFirst(folder)).filter((name) => /iteration/.test(name)),
    [step(12), step(10), step(2)],
  )
  link(folder, 'model_phase1.torch')
  t.is(names(newestFirst(folder))[0], 'model_phase1.torch')
  fill(folder, 'model_final_checkpoint_phase3.torch')
  t.is(names(newestFirst(folder))[1], 'model_final_checkpoint_phase3.torch')
  t.deepEqual(newestFirst(join(folder, 'gone')), [])
})

test('a damaged newest checkpoint is named and passed over', (t) => {
  const folder = scratch(t)
  fill(folder, step(1), step(2), step(3))
  appendFileSync(join(folder, step(3)), 'x')
  truncateSync(join(folder, step(2)), 10)
  const said: string[] = []
  t.is(
    firstVerified(newestFirst(folder), (message) => said.push(message)),
    join(folder, step(1)),
  )
  t.is(said.length, 2)
  t.regex(
    said[0]!,
    /model_iteration3\.torch is passed over: corrupt checkpoint: .* does not match its digest/,
  )
  t.regex(said[1]!, /model_iteration2\.torch is passed over/)
})

test('killed between a file and its digest: the file is read whole and gets its digest', (t) => {
  const folder = scratch(t)
  fill(folder, step(1), step(2), step(3))
  rmSync(join(folder, `${step(3)}.sha256`))
  const said: string[] = []
  const choose = () => firstVerified(newestFirst(folder), (message) => said.push(message))
  t.is(choose(), join(folder, step(3)))
  t.regex(said.join(), /had no digest/)
  t.true(checkFileDigest(join(folder, step(3))))
  rmSync(join(folder, `${step(3)}.sha256`))
  truncateSync(join(folder, step(3)), 100)
  t.is(choose(), join(folder, step(2)))
})

test('where none is sound the newest is left to its reader', (t) => {
  const folder = scratch(t)
  fill(folder, step(1), step(2))
  for (const number of [1, 2]) truncateSync(join(folder, step(number)), 10)
  const said: string[] = []
  t.is(
    firstVerified(newestFirst(folder), (message) => said.push(message)),
    join(folder, step(2)),
  )
  t.deepEqual(said, [])
  t.is(
    firstVerified([], () => t.fail()),
    undefined,
  )
})

test('resuming passes damaged checkpoints over, whichever way it is asked for; a file that is named is taken', (t) => {
  const cwd = scratch(t)
  const checkpoints = join(cwd, 'runs/run-1/checkpoints')
  const place = (resume: string | undefined, ...overrides: string[]) => {
    const { config } = composeConfig({ overrides: ['config=quickstart', ...overrides], cwd })
    const warnings: string[] = []
    const isDirSet = overrides.length > 0
    const warn = (message: string) => warnings.push(message)
    return { ...placeRun(config, { name: 'run', isDirSet, resume, cwd, warn }), warnings }
  }
  place(undefined)
  fill(checkpoints, step(4), 'model_phase0.torch', step(8))
  link(checkpoints, step(8))
  appendFileSync(join(checkpoints, step(8)), 'x')
  for (const resume of ['auto', 'runs/run-1', 'runs/run-1/checkpoints']) {
    const { resumeFrom, warnings } = place(resume)
    t.is(resumeFrom, join(checkpoints, 'model_phase0.torch'), resume)
    t.is(warnings.length, 1)
    t.true(warnings[0]!.includes(step(8)))
  }
  const named = place(`runs/run-1/checkpoints/${step(8)}`)
  t.is(named.resumeFrom, join(checkpoints, step(8)))
  t.deepEqual(named.warnings, [])

  const dir = 'config.CHECKPOINT.DIR=runs/run-1/checkpoints'
  for (const resume of [undefined, 'auto']) {
    const { resumeFrom, warnings } = place(resume, dir)
    t.is(resumeFrom, join(checkpoints, 'model_phase0.torch'))
    t.is(warnings.length, 1)
  }
  const third = 'config.CHECKPOINT.LATEST_CHECKPOINT_RESUME_FILE_NUM=2'
  const bySteps = 'config.CHECKPOINT.CHECKPOINT_ITER_FREQUENCY=4'
  t.is(place(undefined, dir, third, bySteps).resumeFrom, join(checkpoints, step(4)))
})

test('retention: the newest by step stay, and what is final, by phase, linked to, or later', (t) => {
  const folder = scratch(t)
  fill(folder, ...[1, 2, 3, 4, 9].map(step), 'model_phase0.torch', 'model_final_checkpoint_phase1.torch')
  link(folder, step(1))
  t.deepEqual(keepNewest(folder, 0, 4), [])
  t.deepEqual(keepNewest(folder, 10, 4), [])
  t.deepEqual(keepNewest(folder, 2, 4), [step(2)])
  const left = [
    step(1),
    step(3),
    step(4),
    step(9),
    'model_final_checkpoint_phase1.torch',
    'model_phase0.torch',
  ]
  t.deepEqual(
    readdirSync(folder).filter((name) => name !== 'checkpoint.torch'),
    left.flatMap((name) => [name, `${name}.sha256`]).sort(),
  )
})

test('files in the making are removed when their process is gone', (t) => {
  const folder = scratch(t)
  const gone = [
    '.model_phase0.torch.100-0.vissl-tmp',
    '.model_phase0.torch.sha256.100-12.vissl-tmp',
    '.checkpoint.torch.100',
    'run.json.100.tmp',
    `.own.torch.${process.pid}-0.vissl-tmp`,
  ]
  const others = [
    '.model_phase0.torch.200-0.vissl-tmp',
    'notes.100.tmp',
    '.vissl-tmp',
    'model_phase0.torch',
    '.x.100-0.tmp',
  ]
  for (const name of [...gone, ...others]) writeFileSync(join(folder, name), '')
  t.deepEqual(removeStrays(folder, (pid) => pid === 200).sort(), [...gone].sort())
  for (const name of others) t.true(existsSync(join(folder, name)), name)
  t.deepEqual(
    removeStrays(join(folder, 'gone'), () => false),
    [],
  )
})
