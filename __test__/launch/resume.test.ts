import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { composeConfig } from '../../ts/config/index.ts'
import { ExitCode, type VisslError } from '../../ts/errors.ts'
import { placeRun } from '../../ts/launch/resume.ts'

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-resume-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function place(cwd: string, resume?: string, dir?: string) {
  const overrides = ['config=quickstart', ...(dir === undefined ? [] : [`config.CHECKPOINT.DIR=${dir}`])]
  const { config } = composeConfig({ overrides, cwd })
  return placeRun(config, { name: 'run', isDirSet: dir !== undefined, resume, cwd })
}

/** A run folder with these empty checkpoints. */
function runWith(cwd: string, run: string, ...names: string[]): string {
  const folder = join(cwd, 'runs', run, 'checkpoints')
  mkdirSync(folder, { recursive: true })
  for (const name of names) writeFileSync(join(folder, name), '')
  return folder
}

test('every new run has a folder of its own', (t) => {
  const cwd = scratch(t)
  t.is(place(cwd).folder.path, join(cwd, 'runs/run-1'))
  const second = place(cwd)
  t.is(second.checkpoints, join(cwd, 'runs/run-2/checkpoints'))
  t.is(second.resumeFrom, undefined)
})

test('auto goes on with the newest run, in its folder', (t) => {
  const cwd = scratch(t)
  runWith(cwd, 'run-1', 'model_phase7.torch')
  const newest = runWith(
    cwd,
    'run-2',
    'model_phase1.torch',
    'model_iteration30.torch',
    'model_iteration4.torch',
  )
  const { folder, checkpoints, resumeFrom } = place(cwd, 'auto')
  t.is(folder.path, join(cwd, 'runs/run-2'))
  t.is(checkpoints, newest)
  t.is(resumeFrom, join(newest, 'model_iteration30.torch'))
})

test('a checkpoint, a folder of checkpoints, a run folder and the link mean a file', (t) => {
  const cwd = scratch(t)
  const checkpoints = runWith(cwd, 'run-1', 'model_phase0.torch', 'model_phase1.torch')
  symlinkSync('model_phase0.torch', join(checkpoints, 'checkpoint.torch'))
  const linked = join(checkpoints, 'model_phase0.torch')
  t.is(place(cwd, 'runs/run-1').resumeFrom, linked)
  t.is(place(cwd, 'runs/run-1/checkpoints').resumeFrom, linked)
  t.is(place(cwd, 'runs/run-1/checkpoints/checkpoint.torch').resumeFrom, linked)
  const other = place(cwd, 'runs/run-1/checkpoints/model_phase1.torch')
  t.is(other.resumeFrom, join(checkpoints, 'model_phase1.torch'))
  t.is(other.folder.path, join(cwd, 'runs/run-1'))
  t.deepEqual(readdirSync(join(cwd, 'runs')), ['run-1'])
})

test('CHECKPOINT.DIR goes on by itself, and from elsewhere when asked', (t) => {
  const cwd = scratch(t)
  t.is(place(cwd, undefined, 'out').resumeFrom, undefined)
  writeFileSync(join(cwd, 'out/model_phase3.torch'), '')
  t.is(place(cwd, undefined, 'out').resumeFrom, join(cwd, 'out/model_phase3.torch'))
  const elsewhere = runWith(cwd, 'run-1', 'model_phase0.torch')
  const from = place(cwd, 'runs/run-1', 'out')
  t.is(from.resumeFrom, join(elsewhere, 'model_phase0.torch'))
  t.is(from.checkpoints, join(cwd, 'out'))
})

test('nothing to resume from', (t) => {
  const cwd = scratch(t)
  const fails = (resume: string, message: RegExp, exitCode: ExitCode) =>
    t.is(t.throws<VisslError>(() => place(cwd, resume), { message })!.exitCode, exitCode)
  fails('auto', /no run of run to resume in .*runs/, ExitCode.usage)
  fails('gone.torch', /there is no .*gone\.torch to resume from/, ExitCode.data)
  runWith(cwd, 'run-1')
  fails('runs/run-1', /run-1 holds no checkpoint/, ExitCode.data)
})
