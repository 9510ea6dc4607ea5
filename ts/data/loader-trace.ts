import { ExitCode, VisslError } from '../errors.ts'
import { addon } from './native.ts'

/** What a loader's thread can be at; the two that wait are no work. */
export type LoaderPart = 'read' | 'decode' | 'transform' | 'collate' | 'wait for a batch' | 'wait for room'

/** A stretch of time that a thread spent on one part of the work; milliseconds on the clock of `performance.now()`. */
export interface LoaderSpan {
  readonly part: LoaderPart
  /** Which of `threads`. */
  readonly thread: number
  readonly start: number
  readonly end: number
}

export interface LoaderTrace {
  /** Names, each with the loader's (`TRAIN data-0`); `taker` stands for whoever takes the batches. */
  readonly threads: readonly string[]
  /** By their ends. */
  readonly spans: readonly LoaderSpan[]
  /** Spans beyond the two million that are kept. */
  readonly dropped: number
}

/** `performance.now()` when the recording that runs was begun. */
let began = 0

/**
 * Begins to record what the threads of all loaders of the process do. It costs a few hundred nanoseconds a span;
 * nothing while nobody records.
 *
 * @throws VisslError when a recording runs already
 */
export function startLoaderTrace(): void {
  const now = performance.now()
  if (!addon().startLoaderTrace()) {
    throw new VisslError(ExitCode.usage, 'the threads of the loaders are recorded already')
  }
  began = now
}

/**
 * Ends the recording.
 *
 * @throws VisslError when none runs
 */
export function stopLoaderTrace(): LoaderTrace {
  const recorded = addon().stopLoaderTrace()
  if (recorded === null) {
    throw new VisslError(ExitCode.usage, 'the threads of the loaders are not recorded')
  }
  const { threads, parts, spans: numbers, dropped } = recorded
  const spans: LoaderSpan[] = []
  for (let i = 0; i < numbers.length; i += 4) {
    spans.push({
      thread: numbers[i]!,
      part: parts[numbers[i + 1]!]!,
      start: began + numbers[i + 2]! / 1e6,
      end: began + numbers[i + 3]! / 1e6,
    })
  }
  return { threads, spans, dropped }
}
