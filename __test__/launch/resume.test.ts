import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { composeConfig } from '../../ts/config/index.ts'
import { ExitCode, type VisslError } from '../../ts/errors.ts'
import { placeRun } from '../../ts/launch/resume.ts'
import { chooseCheckpoint, isTrainingFinished, type ResumeSettings } from '../../ts/launch/resume-choice.ts'

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

interface ResumeCase {
  files: string[]
  CHECKPOINT: Omit<ResumeSettings, 'USE_SYMLINK_CHECKPOINT_FOR_RESUME'>
  is_training_finished: boolean
  resume_checkpoint?: string | null
}

test('the reference’s choices', (t) => {
  const file = new URL('../golden/training/resume_logic.json', import.meta.url)
  const { resume } = JSON.parse(readFileSync(file, 'utf8')) as { resume: ResumeCase[] }
  t.true(resume.length > 30)
  for (const { files, CHECKPOINT, is_training_finished, resume_checkpoint } of resume) {
    const folder = scratch(t)
    for (const name of files) writeFileSync(join(folder, name), '')
    const settings = { ...CHECKPOINT, USE_SYMLINK_CHECKPOINT_FOR_RESUME: false }
    const about = JSON.stringify({ files, CHECKPOINT })
    t.is(isTrainingFinished(folder, settings), is_training_finished, about)
    // Where the reference looks for a file "None", or fails on a name without a number, there is nothing to go on from.
    const isFile = typeof resume_checkpoint === 'string' && !resume_checkpoint.endsWith('None')
    const wanted = isFile ? join(folder, basename(resume_checkpoint)) : undefined
    if (resume_checkpoint !== undefined) t.is(chooseCheckpoint(folder, settings), wanted, about)
  }
})

test('the link leads to what a stopped run left', (t) => {
  const folder = scratch(t)
  const settings = {
    AUTO_RESUME: true,
    OVERWRITE_EXISTING: false,
    CHECKPOINT_ITER_FREQUENCY: -1,
    LATEST_CHECKPOINT_RESUME_FILE_NUM: 1,
    USE_SYMLINK_CHECKPOINT_FOR_RESUME: false,
  }
  for (const name of ['model_phase0.torch', 'model_phase1.torch', 'model_iteration7.torch'])
    writeFileSync(join(folder, name), '')
  const link = join(folder, 'checkpoint.torch')
  const chosen = (change: Partial<ResumeSettings> = {}) =>
    basename(chooseCheckpoint(folder, { ...settings, ...change }) ?? 'none')
  t.is(chosen(), 'model_phase1.torch')
  symlinkSync('gone.torch', link)
  t.is(chosen(), 'model_phase1.torch')
  rmSync(link)
  symlinkSync('model_iteration7.torch', link)
  t.is(chosen(), 'model_iteration7.torch')
  t.is(chosen({ LATEST_CHECKPOINT_RESUME_FILE_NUM: 2 }), 'model_phase0.torch')
  t.is(chosen({ AUTO_RESUME: false }), 'none')
  t.is(chosen({ AUTO_RESUME: false, USE_SYMLINK_CHECKPOINT_FOR_RESUME: true }), 'model_iteration7.torch')
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
