import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { ExitCode, VisslError } from '../../ts/errors.ts'
import {
  FileLog,
  fileError,
  LineFile,
  MetricsFile,
  PhaseMetricsFile,
  pythonJson,
  writeFileWhole,
} from '../../ts/logging/index.ts'
import { temporaryFolder } from './output.ts'

test('lines are added, and a torn last line is cut off', (t) => {
  const path = join(temporaryFolder(), 'x')
  const first = new LineFile(path)
  first.write('one')
  t.is(readFileSync(path, 'utf8'), 'one\n')
  first.close()
  first.write('dropped')
  writeFileSync(path, `one\ntw${'o'.repeat(10_000)}`)
  const second = new LineFile(path)
  second.write('three')
  second.close()
  t.is(readFileSync(path, 'utf8'), 'one\nthree\n')
  writeFileSync(path, 'torn only')
  new LineFile(path).close()
  t.is(readFileSync(path, 'utf8'), '')
})

test('a full disk is an error with its fix', (t) => {
  const { exitCode, message, fix } = fileError(
    'write',
    'x',
    Object.assign(new Error('no space'), { code: 'ENOSPC' }),
  )
  t.is(exitCode, ExitCode.environment)
  t.is(message, 'cannot write x: the disk is full')
  t.true(fix?.includes('free some space'))
})

test('a file is replaced as a whole', (t) => {
  const folder = temporaryFolder()
  const path = join(folder, 'run.json')
  writeFileWhole(path, 'old')
  writeFileWhole(path, 'new')
  t.is(readFileSync(path, 'utf8'), 'new')
  t.deepEqual(readdirSync(folder), ['run.json'])
  t.throws(() => writeFileWhole(join(folder, 'none', 'x'), ''), { instanceOf: VisslError })
})

test('log lines hold level, time and message', (t) => {
  const path = join(temporaryFolder(), 'log.txt')
  const log = new FileLog(path, () => new Date(Date.UTC(2021, 2, 1, 12, 30, 5, 42)))
  log.info('started')
  log.warn('two\nlines')
  log.close()
  t.is(
    readFileSync(path, 'utf8'),
    'INFO 2021-03-01 12:30:05,042 started\nWARNING 2021-03-01 12:30:05,042 two\n  lines\n',
  )
})

test('metrics are one JSON object a line', (t) => {
  const path = join(temporaryFolder(), 'metrics.jsonl')
  const file = new MetricsFile(path)
  file.write({ type: 'step', loss: 4.5, lr: [0.1] })
  file.write({ loss: Number.NaN, lr: Number.NEGATIVE_INFINITY })
  file.close()
  t.is(readFileSync(path, 'utf8'), '{"type":"step","loss":4.5,"lr":[0.1]}\n{"loss":"nan","lr":"-inf"}\n')
})

test('metrics.json is written as the reference does', (t) => {
  const path = join(temporaryFolder(), 'metrics.json')
  const file = new PhaseMetricsFile(path)
  file.write({ train_phase_idx: 0, phase_idx: 0, iteration: 78, train: true })
  file.write(
    { iteration: 78, phase_idx: 1, train_phase_idx: 0, train: false },
    { accuracy_list_meter: { top_1: { 0: 12.5 } } },
  )
  file.close()
  t.is(
    readFileSync(path, 'utf8'),
    '{"iteration": 78, "phase_idx": 0, "train_phase_idx": 0}\n' +
      '{"iteration": 78, "phase_idx": 1, "test_accuracy_list_meter": {"top_1": {"0": 12.5}}, "train_phase_idx": 0}\n',
  )
  t.is(pythonJson([Number.NaN, null, 'x']), '[NaN, null, "x"]')
})
