import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { packageConfigs } from '../../ts/config/index.ts'

/** Names of VISSL's configuration files, without extension. */
export const names: Readonly<Record<'base' | 'overlay' | 'detection', readonly string[]>> =
  golden('files.json')

/** Text of a file of the package. */
export function textOf(name: string): string {
  return readFileSync(`${packageConfigs}/config/${name}.yaml`, 'utf8')
}

/** A JSON file of the goldens. */
export function golden<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(`../golden/configs/${file}`, import.meta.url), 'utf8')) as T
}

/** The lines of a gzipped file of JSON lines. */
export function goldenLines<T>(file: string): T[] {
  const text = gunzipSync(readFileSync(new URL(`../golden/configs/${file}`, import.meta.url))).toString()
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)
}

/** The first difference between what is wanted and what there is; keys that are not wanted are not looked at. */
export function difference(wanted: unknown, got: unknown, path = ''): string | undefined {
  if (isMap(wanted) && isMap(got)) {
    for (const [key, value] of Object.entries(wanted)) {
      const found = difference(value, got[key], `${path}.${key}`)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (Array.isArray(wanted) && Array.isArray(got) && wanted.length === got.length) {
    for (const [i, value] of wanted.entries()) {
      const found = difference(value, got[i], `${path}.${i}`) ?? difference(got[i], value, `${path}.${i}`)
      if (found !== undefined) return found
    }
    return undefined
  }
  return Object.is(wanted, got)
    ? undefined
    : `${path}: wanted ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
