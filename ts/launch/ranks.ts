import { type ChildProcess, fork } from 'node:child_process'
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import { ExitCode, VisslError } from '../errors.ts'
import { listenToApp, tellApp } from '../logging/app-channel.ts'
import type { TrainingMessage } from '../logging/training-event.ts'
import type { Heartbeat } from './heartbeat.ts'
import type { PlaceMessage } from './restarts.ts'

/** The processes that one machine contributes to a run. */
export interface RanksRequest {
  /** The module that each runs, and its arguments. */
  readonly module: string
  readonly args: readonly string[]
  /** Flags of Node itself. */
  readonly execArgv?: readonly string[]
  /** Processes on this machine. */
  readonly count: number
  readonly nodeId: number
  readonly worldSize: number
  /** Variables that let the ranks find each other. */
  readonly variables: Readonly<Record<string, string>>
  /** Told what goes wrong, a line at a time. */
  readonly say: (message: string) => void
  /** Milliseconds without a step of any rank, after which the run counts as hung; 0 waits for ever. */
  readonly stallAfter: number
  /** Milliseconds that the others get to end by themselves when one has ended badly. */
  readonly grace?: number
  /** Told the run's folder when its first process has one. */
  readonly onPlace?: (folder: string) => void
}

interface Rank {
  readonly rank: number
  readonly child: ChildProcess
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  last: Heartbeat | undefined
  /** When it last said something, in milliseconds. */
  heard: number
}

const GRACE = 4000

/**
 * Starts one process a rank and waits for all of them. The first rank writes to this terminal; of the others only
 * error output is shown, with the rank before each line. The first rank that ends badly ends all: they are asked to
 * stop and killed after a grace period. SIGINT reaches the ranks from the terminal by itself, SIGTERM and SIGUSR1 are passed on.
 *
 * @returns the exit code of the first rank that ended badly, else 0
 * @throws VisslError (environment) when no rank has made a step for `stallAfter`
 */
export async function superviseRanks(request: RanksRequest): Promise<ExitCode> {
  const ranks = Array.from({ length: request.count }, (_, local) => start(request, local))
  const kill = (signal: NodeJS.Signals) => {
    for (const { child } of ranks) if (child.exitCode === null) child.kill(signal)
  }
  const ignore = () => {}
  const terminate = () => kill('SIGTERM')
  const notice = () => kill('SIGUSR1')
  process.on('SIGINT', ignore)
  process.on('SIGTERM', terminate)
  process.on('SIGUSR1', notice)
  // The run's first process speaks for all with the app that started them.
  void listenToApp(terminate, (command) => {
    const [first] = ranks
    if (first?.rank === 0 && first.child.connected) first.child.send(command, () => {})
  })
  const watch = new StallWatch(ranks, request.stallAfter)
  let result: ExitCode = ExitCode.ok
  let grace: NodeJS.Timeout | undefined
  try {
    const all = ranks.map(async (rank) => {
      const { code, signal } = await rank.ended
      if (code === 0 || result !== ExitCode.ok) return
      result = exitCodeOf(code, signal)
      if (!isStop(result)) request.say(describeEnd(rank, code, signal, request.worldSize))
      terminate()
      grace = setTimeout(() => kill('SIGKILL'), request.grace ?? GRACE)
    })
    await Promise.race([Promise.all(all), watch.stalled])
    return result
  } finally {
    watch.end()
    clearTimeout(grace)
    kill('SIGKILL')
    process.off('SIGINT', ignore)
    process.off('SIGTERM', terminate)
    process.off('SIGUSR1', notice)
  }
}

function start(request: RanksRequest, local: number): Rank {
  const rank = request.nodeId * request.count + local
  const child = fork(request.module, [...request.args], {
    execArgv: [...(request.execArgv ?? process.execArgv)],
    env: {
      ...process.env,
      ...request.variables,
      RANK: String(rank),
      LOCAL_RANK: String(local),
      WORLD_SIZE: String(request.worldSize),
    },
    stdio: ['ignore', local === 0 ? 'inherit' : 'ignore', local === 0 ? 'inherit' : 'pipe', 'ipc'],
  })
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on('line', (line) => request.say(`rank ${rank}: ${line}`))
  }
  const state: Rank = {
    rank,
    child,
    ended: new Promise((done) => {
      child.once('error', () => done({ code: ExitCode.environment, signal: null }))
      child.once('exit', (code, signal) => done({ code, signal }))
    }),
    last: undefined,
    heard: Date.now(),
  }
  child.on('message', (message) => {
    const { type } = (message ?? {}) as Heartbeat | PlaceMessage | TrainingMessage
    if (type === 'place') {
      request.onPlace?.((message as PlaceMessage).folder)
      return
    }
    if (type !== 'heartbeat') {
      if (rank === 0 || type === 'failure') tellApp(message as TrainingMessage)
      return
    }
    state.last = message as Heartbeat
    state.heard = Date.now()
  })
  return state
}

/** Notices when no rank makes progress any more. */
class StallWatch {
  /** Rejects when the run hangs. */
  readonly stalled: Promise<never>
  #timer: NodeJS.Timeout | undefined

  constructor(ranks: readonly Rank[], after: number) {
    this.stalled = new Promise((_, fail) => {
      if (after <= 0) return
      this.#timer = setInterval(
        () => {
          const heard = Math.max(...ranks.map((rank) => rank.heard))
          if (Date.now() - heard < after) return
          fail(
            new VisslError(
              ExitCode.environment,
              `no rank has made progress for ${Math.round(after / 1000)} s:${ranks.map(describe).join('')}`,
              'the rank with the fewest steps is the one that the others wait for; look at its machine and its data',
            ),
          )
        },
        Math.min(after, 1000),
      )
    })
    this.stalled.catch(() => {})
  }

  end(): void {
    clearInterval(this.#timer)
  }
}

function describe({ rank, last, child }: Rank): string {
  const where = last === undefined ? 'has not begun' : `step ${last.step}, ${last.doing}`
  return `\n    rank ${rank} (process ${child.pid}): ${where}`
}

function describeEnd(
  { rank, last }: Rank,
  code: number | null,
  signal: NodeJS.Signals | null,
  worldSize: number,
): string {
  const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`
  const when = last === undefined ? 'before its first step' : `after step ${last.step} (${last.doing})`
  const memory = signal === 'SIGKILL' ? '; out of memory is the usual reason' : ''
  if (worldSize === 1) return `the run ${how}${memory}`
  return `rank ${rank} ${how} ${when}${memory}; the other ranks are stopped`
}

function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): ExitCode {
  const known = Object.values(ExitCode).find((value) => value === code)
  if (known !== undefined) return known
  return signal === null ? ExitCode.internal : ((128 + (constants.signals[signal] ?? 0)) as ExitCode)
}

/** Whether a run ended because it was asked to. */
function isStop(code: ExitCode): boolean {
  return code === ExitCode.interrupted || code === ExitCode.preempted || code === ExitCode.terminated
}
