// Overhead per operator over C++, ours and that of PyTorch's Python binding, in one run: see README.md.
import { computeThreads, noGrad, scope, type Tensor, tensor } from '../ts/engine/index.ts'
import { median, runPeer } from './peer.ts'

const CALLS = 20_000
const ROUNDS = 7
const PAIRS = Number(process.argv[2] ?? 3)
const BATCH = 200

type Times = Record<string, number>
interface Peer {
  python: Times
  cpp: Times
}

const calls: Record<string, (a: Tensor, b: Tensor) => Tensor> = {
  add: (a, b) => a.add(b),
  mul: (a, b) => a.mul(b),
  relu: (a) => a.relu(),
  sum: (a) => a.sum(),
  matmul: (a, b) => a.matmul(b),
}

/** Best microseconds per call; results are freed in batches by scopes, as a model's intermediates are. */
function timeOf(call: (a: Tensor, b: Tensor) => Tensor, a: Tensor, b: Tensor): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now()
    for (let done = 0; done < CALLS; done += BATCH) {
      scope(() => {
        for (let i = 0; i < BATCH; i++) call(a, b)
      })
    }
    best = Math.min(best, performance.now() - began)
  }
  return (best * 1000) / CALLS
}

function ours(): Times {
  return scope(() => {
    const a = tensor([[1]])
    const b = tensor([[1]])
    const times: Times = {}
    noGrad(() => {
      for (const [name, call] of Object.entries(calls)) times[name] = timeOf(call, a, b)
    })
    return times
  })
}

computeThreads(1)
ours()
const runs: { ours: Times; peer: Peer }[] = []
for (let pair = 0; pair < PAIRS; pair++) {
  const peerFirst = pair % 2 === 1
  const before = peerFirst ? runPeer<Peer>('operators.py') : undefined
  const mine = ours()
  runs.push({ ours: mine, peer: before ?? runPeer<Peer>('operators.py') })
}

console.log('1×1 operators, µs a call (median of pairs)     C++   vissl  Python   overhead vissl/Python')
const ratios: Times = {}
for (const name of Object.keys(calls)) {
  const cpp = median(runs.map((run) => run.peer.cpp[name]!))
  const vissl = median(runs.map((run) => run.ours[name]!))
  const python = median(runs.map((run) => run.peer.python[name]!))
  ratios[name] = median(
    runs.map(
      (run) => (run.ours[name]! - run.peer.cpp[name]!) / (run.peer.python[name]! - run.peer.cpp[name]!),
    ),
  )
  const columns = [cpp, vissl, python].map((value) => value.toFixed(2).padStart(7)).join(' ')
  console.log(`  ${name.padEnd(40)} ${columns}   ${ratios[name].toFixed(2).padStart(10)}`)
}
const rounded = Object.fromEntries(
  Object.entries(ratios).map(([name, ratio]) => [name, Number(ratio.toFixed(3))]),
)
console.log(
  JSON.stringify({
    bench: 'operators',
    pairs: PAIRS,
    overhead: rounded,
    median: Number(median(Object.values(ratios)).toFixed(3)),
  }),
)
