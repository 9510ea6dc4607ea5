// Composing and printing the largest configuration, from process start to exit, beside an empty process of Node.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { listOptions, packageConfigs } from '../ts/config/index.ts'
import { ExitCode, VisslError } from '../ts/errors.ts'

const PAIRS = Number(process.argv[2] ?? 15)
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
if (!existsSync(main)) throw new VisslError(ExitCode.environment, `${main} is missing`, 'run  npm run setup')

/** Milliseconds of a process, and what it printed. */
function run(...args: string[]): { ms: number; output: string } {
  const start = performance.now()
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: tmpdir(), encoding: 'utf8' })
  if (status !== 0) throw new VisslError(ExitCode.internal, `node ${args.join(' ')} exits with ${status}`)
  return { ms: performance.now() - start, output: stdout }
}
const show = (name: string) => run(main, 'config', 'show', `config=${name}`)

/** The name whose printed configuration is longest. */
function largest(): string {
  const names = listOptions('config', [packageConfigs]).filter((name) => name.startsWith('pretrain/swav'))
  const sizes = names.map((name) => ({ name, size: show(name).output.length }))
  return sizes.reduce((best, entry) => (entry.size > best.size ? entry : best)).name
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!
const name = largest()
const pairs = Array.from({ length: PAIRS }, (_, i) => {
  const before = i % 2 === 1 ? run('-e', '0').ms : undefined
  const ours = show(name).ms
  return { ours, node: before ?? run('-e', '0').ms }
})
const ours = median(pairs.map((pair) => pair.ours))
const node = median(pairs.map((pair) => pair.node))
console.log(`config show config=${name}   ${ours.toFixed(0)} ms`)
console.log(`node -e 0   ${node.toFixed(0)} ms`)
console.log(
  JSON.stringify({
    bench: 'config',
    pairs: PAIRS,
    aboveNodeMs: Math.round(ours - node),
    ratio: Number(median(pairs.map((pair) => pair.ours / pair.node)).toFixed(3)),
  }),
)
