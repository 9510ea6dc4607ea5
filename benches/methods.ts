// Every method, trained from its own configuration on a slice of Fashion-MNIST: kNN before and after. See README.md.
import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { composeConfig } from '../ts/config/index.ts'
import { distantPermutations, writeIntegers } from '../ts/data/dataset-builders/index.ts'
import { fetchFashionMnist } from '../ts/data/index.ts'
import { ExitCode, VisslError } from '../ts/errors.ts'
import { runTraining } from '../ts/launch/run.ts'
import { type Method, methodsOf, type Setting, sharedBy } from './methods/recipes.ts'

const USAGE =
  'npm run methods -- [NAME …] [--images N] [--epochs N] [--seeds N] [--knn N] [--threads N] [--results FILE]'
/** What kNN has to gain, in points. Below, the method counts as not learning. */
const GAIN = 1

/** One run: a line of the file of results. */
interface Result extends Setting {
  readonly method: string
  readonly commit: string
  readonly before: number
  readonly after: number
  readonly loss: number
  readonly seconds: number
}

interface LogRow {
  readonly type: string
  readonly epoch: number | null
  readonly top1: number
  readonly loss: number
}

async function train(method: Method, setting: Setting) {
  const cwd = mkdtempSync(join(tmpdir(), 'vissl-methods-'))
  try {
    const overrides = [`config=${method.config}`, ...sharedBy(setting), ...method.overrides]
    const { config, origins } = composeConfig({ overrides, cwd })
    const began = performance.now()
    await runTraining({
      config,
      origins,
      name: 'bench',
      folder: undefined,
      resume: undefined,
      dryRun: false,
      commandLine: ['vissl', 'train', ...overrides],
      cwd,
      output: { write: () => true },
    })
    const seconds = Math.round((performance.now() - began) / 1000)
    const lines = readFileSync(join(cwd, 'out/metrics.jsonl'), 'utf8').trim().split('\n')
    const rows = lines.map((line) => JSON.parse(line) as LogRow)
    const knn = rows.filter(({ type, epoch }) => type === 'knn' && epoch !== null)
    const loss = rows.filter(({ type }) => type === 'step').at(-1)!.loss
    return { before: knn[0]!.top1, after: knn.at(-1)!.top1, loss, seconds }
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

/** What an interrupted bench has left. The last line may be cut off. */
function readResults(file: string): Result[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Result]
      } catch {
        return []
      }
    })
}

const isSame = (a: Result, method: string, setting: Setting) =>
  a.method === method && Object.entries(setting).every(([key, value]) => a[key as keyof Setting] === value)

function parse() {
  const number = { type: 'string' } as const
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        images: number,
        epochs: number,
        seeds: number,
        knn: number,
        threads: number,
        results: { type: 'string', default: 'methods.jsonl' },
      },
    })
  } catch (error) {
    throw new VisslError(ExitCode.usage, (error as Error).message, USAGE)
  }
}

function count(name: string, value: string | undefined): number | undefined {
  if (value === undefined || /^[1-9]\d*$/.test(value)) return value === undefined ? undefined : Number(value)
  throw new VisslError(ExitCode.usage, `--${name} is ${value}, which is no count`, USAGE)
}

const { values, positionals: names } = parse()
const images = count('images', values.images)
const epochs = count('epochs', values.epochs) ?? 6
const seeds = count('seeds', values.seeds)
const neighbours = count('knn', values.knn) ?? 5_000
const threads = count('threads', values.threads) ?? 0

const scratch = mkdtempSync(join(tmpdir(), 'vissl-permutations-'))
const permutations = join(scratch, 'permutations.npy')
writeIntegers(
  permutations,
  [100, 9],
  distantPermutations({ count: 100, patches: 9, method: 'max_avg', first: 0 }).rows,
)
const methods = methodsOf(permutations)
const unknown = names.find((name) => !Object.hasOwn(methods, name))
if (unknown !== undefined) {
  const choices = Object.keys(methods).join(', ')
  throw new VisslError(ExitCode.usage, `no method is called ${unknown}`, `${USAGE}\n  ${choices}`)
}
const { folder, reasons } = await fetchFashionMnist()
if (folder === null)
  throw new VisslError(ExitCode.environment, `Fashion-MNIST cannot be fetched: ${reasons.join('; ')}`)

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
console.log(`Fashion-MNIST, ${epochs} epochs, ${commit}, ${cpus()[0]?.model}, ${cpus().length} cores`)
console.log(
  `kNN in percent: 20 neighbours of ${neighbours} images, ${Math.ceil(neighbours / 5)} to classify\n`,
)
console.log('| method | images | seed | untrained | trained | last loss | seconds |')
console.log('| --- | --- | --- | --- | --- | --- | --- |')
const done = readResults(values.results)
const results: Result[] = []
// First seeds of all methods come first: an interrupted bench has seen as many methods as it could.
const most = seeds ?? Math.max(...Object.values(methods).map((method) => method.seeds ?? 1))
for (let seed = 0; seed < most; seed++) {
  for (const [name, method] of Object.entries(methods)) {
    if ((names.length > 0 && !names.includes(name)) || seed >= (seeds ?? method.seeds ?? 1)) continue
    const { lr } = method
    const setting = { seed, images: images ?? method.images ?? 15_000, epochs, lr, threads, neighbours }
    let result = done.find((each) => isSame(each, name, setting))
    if (result === undefined) {
      result = { method: name, commit, ...setting, ...(await train(method, setting)) }
      appendFileSync(values.results, `${JSON.stringify(result)}\n`)
    }
    results.push(result)
    const { before, after, loss, seconds } = result
    console.log(
      `| ${name} | ${setting.images} | ${seed} | ${before.toFixed(1)} | ${after.toFixed(1)} | ${loss.toFixed(3)} | ${seconds} |`,
    )
  }
}
rmSync(scratch, { recursive: true, force: true })
const minutes = results.reduce((sum, { seconds }) => sum + seconds, 0) / 60
const failed = results.filter(({ before, after }) => !(after >= before + GAIN)).map(({ method }) => method)
console.log(
  `\n${JSON.stringify({ bench: 'methods', epochs, runs: results.length, not_learning: failed, minutes: Number(minutes.toFixed(1)) })}`,
)
