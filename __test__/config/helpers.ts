import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A working folder with configuration files, given by path below `configs/`. */
export function workFolder(files: Readonly<Record<string, string>> = {}): string {
  const cwd = mkdtempSync(join(tmpdir(), 'vissl-config-'))
  for (const [path, text] of Object.entries(files)) {
    const file = join(cwd, 'configs', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  return cwd
}
