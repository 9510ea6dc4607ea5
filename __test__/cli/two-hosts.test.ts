import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { ExitCode } from '../../ts/errors.ts'
import { freePort } from '../distributed/_ranks.ts'
import { type Child, lossesOf, scratch, trainTiny, type VisslOptions } from './_process.ts'

/** Two machines as far as the network is concerned. */
interface Hosts {
  /** How to start a program on each. */
  readonly options: readonly [VisslOptions, VisslOptions]
  readonly meeting: string
  /** The second one is reachable no more; nothing tells the first. */
  cut(second: Child): void
  /** Undoes `cut` for processes that are to be ended. */
  restore(second: Child): void
}

const tool = (...args: string[]) => execFileSync(args[0]!, args.slice(1), { stdio: 'pipe' })

/** Hosts in network namespaces with a cable between them; undefined where this user may not make any. */
function namespaces(t: ExecutionContext): Hosts | undefined {
  const [a, b] = [`vissl-a${process.pid}`, `vissl-b${process.pid}`]
  const [plugA, plugB] = [`va${process.pid}`, `vb${process.pid}`]
  const remove = () => {
    for (const name of [a, b]) {
      try {
        tool('ip', 'netns', 'delete', name)
      } catch {
        // It was not made.
      }
    }
  }
  try {
    for (const name of [a, b]) tool('ip', 'netns', 'add', name)
    tool('ip', 'link', 'add', plugA, 'netns', a, 'type', 'veth', 'peer', 'name', plugB, 'netns', b)
    for (const [name, plug, address] of [
      [a, plugA, '10.77.0.1/24'],
      [b, plugB, '10.77.0.2/24'],
    ] as const) {
      tool('ip', '-n', name, 'address', 'add', address, 'dev', plug)
      tool('ip', '-n', name, 'link', 'set', plug, 'up')
      tool('ip', '-n', name, 'link', 'set', 'lo', 'up')
    }
    tool('ip', 'netns', 'exec', a, 'true')
  } catch {
    remove()
    return undefined
  }
  t.teardown(remove)
  const inside = (name: string, plug: string): VisslOptions => ({
    shell: 'exec "$@"',
    shellCommand: ['ip', 'netns', 'exec', name, 'bash'],
    env: { GLOO_SOCKET_IFNAME: plug },
  })
  return {
    options: [inside(a, plugA), inside(b, plugB)],
    meeting: '10.77.0.1:40051',
    cut: () => tool('ip', '-n', b, 'link', 'set', plugB, 'down'),
    restore: () => {},
  }
}

/** Loopback addresses; the second host is silenced by stopping its processes. */
async function loopback(): Promise<Hosts> {
  const signal = (second: Child, name: NodeJS.Signals) => {
    const starter = String(second.process.pid)
    const ranks = execFileSync('ps', ['-o', 'pid=', '--ppid', starter], { encoding: 'utf8' })
    for (const id of [starter, ...ranks.trim().split(/\s+/)]) {
      try {
        process.kill(Number(id), name)
      } catch {
        // ps lists itself, and is gone.
      }
    }
  }
  return {
    options: [{}, {}],
    meeting: `127.0.0.2:${await freePort()}`,
    cut: (second) => signal(second, 'SIGSTOP'),
    restore: (second) => signal(second, 'SIGCONT'),
  }
}

const common = [
  'config.DISTRIBUTED.NUM_NODES=2',
  'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=8',
  'config.MODEL.SYNC_BN_CONFIG.CONVERT_BN_TO_SYNC_BN=true',
  'config.MACHINE.THREADS=1',
  'config.OPTIMIZER.num_epochs=5000',
  'config.DISTRIBUTED.TIMEOUT_MINUTES=0.3',
]

function start(t: ExecutionContext, hosts: Hosts) {
  const cwds = [scratch(t), scratch(t)] as const
  const [first, second] = cwds.map((cwd, node) =>
    trainTiny(
      cwd,
      [...common, `config.DISTRIBUTED.RUN_ID=${hosts.meeting}`, `node_id=${node}`],
      hosts.options[node]!,
    ),
  ) as [Child, Child]
  t.teardown(() => {
    hosts.restore(second)
    for (const { process: starter } of [first, second]) starter.kill('SIGKILL')
  })
  return { first, second, cwds }
}

test('two hosts train together; one is cut off: the other reports it and ends', async (t) => {
  const inNamespaces = namespaces(t)
  t.log(inNamespaces === undefined ? 'loopback addresses' : 'network namespaces')
  const hosts = inNamespaces ?? (await loopback())
  const { first, second, cwds } = start(t, hosts)
  await first.printed(/iter: 3;/)
  hosts.cut(second)
  const { code, err, out } = await first.ended
  t.is(code, ExitCode.environment, err)
  t.regex(
    err + out,
    /another process of the run is gone or does not answer: .*(timed out|timeout|no route|unreachable)/i,
  )
  t.true(lossesOf(join(cwds[0], 'runs/quickstart-1')).size >= 3)
  t.false(existsSync(join(cwds[1], 'runs/quickstart-1/metrics.jsonl')))
})
