import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Output } from '../../ts/logging/index.ts'

/** An output that keeps what is written. */
export class Capture implements Output {
  readonly isTTY: boolean
  readonly columns: number
  text = ''

  constructor(isTTY = false, columns = 120) {
    this.columns = columns
    this.isTTY = isTTY
  }

  write(text: string): void {
    this.text += text
  }
}

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'vissl-logging-'))
