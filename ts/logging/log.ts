import { tellEvent } from './app-channel.ts'
import { LineFile } from './files.ts'
import { type Output, styleFor } from './style.ts'

export type Level = 'INFO' | 'WARNING' | 'ERROR'

/** Messages of a run. */
export interface Log {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** Writes `LEVEL time message` lines to `log.txt`; further lines of a message are indented. Times are UTC. */
export class FileLog implements Log {
  readonly #file: LineFile
  readonly #now: () => Date

  constructor(path: string, now: () => Date = () => new Date()) {
    this.#file = new LineFile(path)
    this.#now = now
  }

  info(message: string): void {
    this.#write('INFO', message)
  }

  warn(message: string): void {
    this.#write('WARNING', message)
  }

  error(message: string): void {
    this.#write('ERROR', message)
  }

  close(): void {
    this.#file.close()
  }

  #write(level: Level, message: string): void {
    const time = this.#now().toISOString().replace('T', ' ').replace('Z', '').replace('.', ',')
    this.#file.write(`${level} ${time} ${message.replaceAll('\n', '\n  ')}`)
  }
}

/** Shows messages: `  message`, and warnings with a mark; an app that started the run is told them too. */
export class ConsoleLog implements Log {
  readonly #output: Output
  readonly #style

  constructor(output: Output, env?: Readonly<Record<string, string | undefined>>) {
    this.#output = output
    this.#style = styleFor(output, env)
  }

  info(message: string): void {
    this.#output.write(`  ${message}\n`)
    tellEvent({ type: 'log', level: 'info', message })
  }

  warn(message: string): void {
    this.#output.write(`${this.#style.yellow('!')} ${message}\n`)
    tellEvent({ type: 'log', level: 'warning', message })
  }

  error(message: string): void {
    this.#output.write(`${this.#style.red('✖')} ${message}\n`)
    tellEvent({ type: 'log', level: 'error', message })
  }
}

/** Sends every message to several logs. */
export class TeeLog implements Log {
  readonly #logs: readonly Log[]

  constructor(...logs: readonly Log[]) {
    this.#logs = logs
  }

  info(message: string): void {
    for (const log of this.#logs) log.info(message)
  }

  warn(message: string): void {
    for (const log of this.#logs) log.warn(message)
  }

  error(message: string): void {
    for (const log of this.#logs) log.error(message)
  }
}
