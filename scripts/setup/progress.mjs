const tty = process.stdout.isTTY === true

/** `3 min 52 s`, `14 s`, `0.4 s`. */
export function formatSeconds(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** `527 MB` (10⁶ bytes). */
export function formatBytes(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${Math.round(bytes / 1e6)} MB`
}

/** `██████▌   62 %   61 MB/s`; only what is known is shown. */
export function formatTransfer(done, total, bytesPerSecond) {
  const speed = `${(bytesPerSecond / 1e6).toFixed(bytesPerSecond < 1e7 ? 1 : 0)} MB/s`
  if (!total) return `${formatBytes(done)}   ${speed}`
  const share = Math.min(1, done / total)
  const bar = '█'.repeat(Math.round(share * 18)).padEnd(18, '·')
  return `${formatBytes(total)}  ${bar} ${Math.floor(share * 100)} %   ${speed}`
}

/**
 * One line for a step of the set-up. On a terminal it is redrawn in place; in a log only the start, a line
 * every 15 s of a long step, and the end are written.
 */
export class Step {
  #name
  #started = performance.now()
  #lastLog = performance.now()
  #ticker
  #detail = ''

  constructor(name) {
    this.#name = name
    if (!tty) process.stdout.write(`  … ${name}\n`)
    this.#ticker = setInterval(() => this.#draw(), tty ? 200 : 15_000)
    this.#ticker.unref()
  }

  /** Seconds since the step began. */
  get seconds() {
    return (performance.now() - this.#started) / 1000
  }

  update(detail) {
    this.#detail = detail
  }

  done(detail = this.#detail) {
    this.#end('✔', `${detail ? `${detail}   ` : ''}${formatSeconds(this.seconds)}`)
  }

  fail() {
    this.#end('✖', formatSeconds(this.seconds))
  }

  #draw() {
    const line = `  … ${this.#name.padEnd(18)} ${this.#detail || formatSeconds(this.seconds)}`
    if (tty) process.stdout.write(`\r\x1b[2K${line.slice(0, process.stdout.columns ?? 80)}`)
    else if (performance.now() - this.#lastLog > 14_000) {
      this.#lastLog = performance.now()
      process.stdout.write(`${line}   (${formatSeconds(this.seconds)})\n`)
    }
  }

  #end(mark, text) {
    clearInterval(this.#ticker)
    process.stdout.write(`${tty ? '\r\x1b[2K' : ''}  ${mark} ${this.#name.padEnd(18)} ${text}\n`)
  }
}

/** Runs one step: shown while it works, ticked or crossed when it ends. `work` gets the step. */
export async function step(name, work) {
  const shown = new Step(name)
  try {
    const detail = await work(shown)
    shown.done(typeof detail === 'string' ? detail : undefined)
  } catch (error) {
    shown.fail()
    throw error
  }
}
