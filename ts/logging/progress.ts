import { formatBar, formatClock, formatCount, formatNumber } from './format.ts'
import { type Log, TeeLog } from './log.ts'
import { isLineDue, progressLine, type StepReport } from './progress-line.ts'
import { type Output, styleFor } from './style.ts'

/** Settings of {@link Progress}. */
export interface ProgressOptions {
  readonly output: Output
  /** Gets VISSL's line whenever it is due, whatever is shown. */
  readonly log?: Log | undefined
  /** `LOG_FREQUENCY` */
  readonly frequency: number
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Milliseconds; for tests. */
  readonly now?: () => number
}

/** Shortest time between two drawings, ms. */
const REDRAW = 100
/** Steps that speed and data wait are averaged over. */
const WINDOW = 30
const CLEAR = '\r\u001b[2K'

/**
 * Shows how training goes: on a terminal one line that is drawn anew, elsewhere VISSL's line now and then.
 */
export class Progress {
  readonly #options: ProgressOptions
  readonly #isTerminal: boolean
  readonly #style
  readonly #recent: StepReport[] = []
  #drawn = false
  #drawnAt = Number.NEGATIVE_INFINITY

  constructor(options: ProgressOptions) {
    this.#options = options
    this.#isTerminal = options.output.isTTY === true && (options.env ?? process.env).TERM !== 'dumb'
    this.#style = styleFor(options.output, options.env)
  }

  /** Mean images per second of the last steps; 0 before the first. */
  get imagesPerSecond(): number {
    const time = sum(this.#recent, 'stepTime')
    return time === 0 ? 0 : sum(this.#recent, 'images') / time
  }

  /** Share of the last steps' time that was spent waiting for data, in [0, 1]. */
  get dataWait(): number {
    const time = sum(this.#recent, 'stepTime')
    return time === 0 ? 0 : Math.min(1, sum(this.#recent, 'dataTime') / time)
  }

  /** Takes note of a training step, after its update. */
  step(report: StepReport): void {
    this.#recent.push(report)
    if (this.#recent.length > WINDOW) this.#recent.shift()
    const { frequency, output, log } = this.#options
    if (isLineDue(report.iteration, frequency)) {
      const line = progressLine(report)
      log?.info(line)
      if (!this.#isTerminal) output.write(`${line}\n`)
    }
    if (this.#isTerminal) this.#draw(report)
  }

  /** Shows lines above the progress line. */
  print(text: string): void {
    this.#erase()
    this.#options.output.write(`${text}\n`)
  }

  /** Shows something that is under way and has no steps of training: `kNN 1,024/5,000`. Terminals only. */
  status(text: string): void {
    if (!this.#isTerminal) return
    this.#options.output.write(`${CLEAR}  ${cut(text, this.#width() - 2)}`)
    this.#drawn = true
  }

  /** Removes the progress line; the next step draws it again. */
  clear(): void {
    this.#erase()
    this.#drawnAt = Number.NEGATIVE_INFINITY
  }

  /** A log whose messages stand above the progress line. */
  above(log: Log): Log {
    const clear = () => this.clear()
    return new TeeLog({ info: clear, warn: clear, error: clear }, log)
  }

  #draw(report: StepReport): void {
    const now = (this.#options.now ?? Date.now)()
    if (now - this.#drawnAt < REDRAW && report.step < report.stepsPerEpoch) return
    this.#drawnAt = now
    const share = report.step / report.stepsPerEpoch
    const perStep = sum(this.#recent, 'stepTime') / this.#recent.length
    const parts = [
      `loss ${Number.isFinite(report.loss) ? report.loss.toFixed(2) : report.loss}`,
      `lr ${formatNumber(report.lr[0] ?? 0, 2)}`,
      `${formatCount(this.imagesPerSecond)} img/s`,
      `data wait ${Math.round(this.dataWait * 100)} %`,
      `ETA ${formatClock(perStep * (report.maxIteration - report.iteration))}`,
    ]
    const head = `epoch ${report.epoch + 1}/${report.epochs}`
    const percent = `${Math.floor(share * 100)} %`.padStart(5)
    const tail = parts.join('  ')
    const room = this.#width() - head.length - percent.length - tail.length - 8
    const bar = room >= 4 ? `${this.#style.cyan(formatBar(share, Math.min(20, room)))} ` : ''
    const text =
      bar === ''
        ? cut(`${head} ${percent}  ${tail}`, this.#width() - 2)
        : `${head}  ${bar}${percent}  ${tail}`
    this.#options.output.write(`${CLEAR}  ${text}`)
    this.#drawn = true
  }

  #erase(): void {
    if (this.#drawn) this.#options.output.write(CLEAR)
    this.#drawn = false
  }

  /** One column less than the terminal has, so that the line never wraps. */
  #width(): number {
    return Math.max(20, (this.#options.output.columns ?? 80) - 1)
  }
}

function sum(reports: readonly StepReport[], key: 'images' | 'stepTime' | 'dataTime'): number {
  return reports.reduce((total, report) => total + report[key], 0)
}

function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text
}
