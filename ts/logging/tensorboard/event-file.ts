import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileError } from '../files.ts'
import { encodePng, type Pixels } from '../png.ts'
import { maskedCrc32c } from './crc32c.ts'
import { MessageWriter } from './protobuf.ts'

/** A histogram as TensorBoard stores it. */
export interface Histogram {
  readonly min: number
  readonly max: number
  /** Values counted. */
  readonly count: number
  readonly sum: number
  readonly sumOfSquares: number
  /** Right edge of each bucket, ascending. */
  readonly limits: readonly number[]
  /** Values of each bucket. */
  readonly counts: readonly number[]
}

/** Bytes that may wait for the next flush. */
const BUFFER = 1 << 20

/**
 * An event file of TensorBoard: TFRecord frames of `Event` messages. It is made at the first event. Events wait in
 * memory until `flush` or until they fill a megabyte; a kill of the process loses those.
 */
export class EventFile {
  /** Empty before the first event. */
  path = ''
  readonly #folder: string
  readonly #now: () => number
  #descriptor: number | undefined
  #closed = false
  #waiting: Uint8Array[] = []
  #bytes = 0

  /**
   * @param folder made where it is missing
   * @param now seconds since 1970
   */
  constructor(folder: string, now: () => number = () => Date.now() / 1000) {
    this.#folder = folder
    this.#now = now
  }

  scalar(tag: string, value: number, step: number): void {
    this.#value(step, new MessageWriter().string(1, tag).float(2, value))
  }

  histogram(
    tag: string,
    { min, max, count, sum, sumOfSquares, limits, counts }: Histogram,
    step: number,
  ): void {
    const content = new MessageWriter()
      .double(1, min)
      .double(2, max)
      .double(3, count)
      .double(4, sum)
      .double(5, sumOfSquares)
      .doubles(6, limits)
      .doubles(7, counts)
    this.#value(step, new MessageWriter().string(1, tag).bytes(5, content))
  }

  image(tag: string, pixels: Pixels, step: number): void {
    const content = new MessageWriter()
      .int(1, pixels.height)
      .int(2, pixels.width)
      .int(3, pixels.channels)
      .bytes(4, encodePng(pixels))
    this.#value(step, new MessageWriter().string(1, tag).bytes(4, content))
  }

  /** Hands everything to the operating system. @throws VisslError (environment), for example when the disk is full */
  flush(): void {
    if (this.#descriptor === undefined) return
    const bytes = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#bytes = 0
    try {
      let written = 0
      while (written < bytes.length) written += writeSync(this.#descriptor, bytes, written)
    } catch (error) {
      throw fileError('write', this.path, error)
    }
  }

  /** Events of a closed file are dropped. */
  close(): void {
    this.flush()
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
    this.#closed = true
  }

  #open(): void {
    const second = String(Math.trunc(this.#now())).padStart(10, '0')
    this.path = join(this.#folder, `events.out.tfevents.${second}.${hostname()}.${process.pid}.${made++}`)
    try {
      mkdirSync(this.#folder, { recursive: true })
      this.#descriptor = openSync(this.path, 'wx')
    } catch (error) {
      throw fileError('write', this.path, error)
    }
    this.#frame(new MessageWriter().double(1, this.#now()).string(3, 'brain.Event:2').finish())
    this.flush()
  }

  #value(step: number, value: MessageWriter): void {
    const summary = new MessageWriter().bytes(1, value)
    this.#event((event) => event.int(2, step).bytes(5, summary))
  }

  #event(fill: (event: MessageWriter) => MessageWriter): void {
    if (this.#closed) return
    if (this.#descriptor === undefined) this.#open()
    this.#frame(fill(new MessageWriter().double(1, this.#now())).finish())
    if (this.#bytes >= BUFFER) this.flush()
  }

  #frame(content: Uint8Array): void {
    const frame = Buffer.alloc(content.length + 16)
    frame.writeBigUInt64LE(BigInt(content.length), 0)
    frame.writeUInt32LE(maskedCrc32c(frame.subarray(0, 8)), 8)
    frame.set(content, 12)
    frame.writeUInt32LE(maskedCrc32c(content), content.length + 12)
    this.#waiting.push(frame)
    this.#bytes += frame.length
  }
}

/** Files that this process has made: their names differ even within a second. */
let made = 0
