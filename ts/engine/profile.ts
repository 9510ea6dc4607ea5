import { TorchError } from './errors.ts'
import { tensorAddon } from './native.ts'

/** When an operator ran, in the milliseconds of `performance.now()`. */
export interface OperatorSpan {
  /** Such as `aten::conv2d`, or `ConvolutionBackward0` for a node of the backward pass. */
  readonly name: string
  /** Number of the thread, as libtorch counts them. */
  readonly thread: number
  readonly start: number
  readonly end: number
}

/** What a profile holds. */
export interface OperatorProfile {
  /** By their ends; an operator that calls others encloses them. */
  readonly spans: OperatorSpan[]
  /** Spans beyond the five million that are kept. */
  readonly dropped: number
}

/**
 * Starts to record when each operator runs, in all threads of the process. It costs about a microsecond an operator;
 * nothing while no profile runs.
 *
 * @throws TorchError when a profile is running already
 */
export function startProfile(): void {
  guarded(() => tensorAddon().profileStart())
}

/**
 * Ends the recording.
 *
 * @throws TorchError when no profile is running
 */
export function stopProfile(): OperatorProfile {
  const text = guarded(() => tensorAddon().profileStop())
  const { names, spans, dropped } = JSON.parse(text) as { names: string[]; spans: number[]; dropped: number }
  // libtorch counts nanoseconds of the clock that `hrtime` reads; `performance.now()` began later.
  const origin = Number(process.hrtime.bigint()) / 1e6 - performance.now()
  const result: OperatorSpan[] = []
  for (let i = 0; i < spans.length; i += 4) {
    const start = spans[i + 2]! / 1e6 - origin
    result.push({
      name: names[spans[i]!]!,
      thread: spans[i + 1]!,
      start,
      end: start + spans[i + 3]! / 1e6,
    })
  }
  return { spans: result, dropped }
}

function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new TorchError('profile', (error as Error).message)
  }
}
