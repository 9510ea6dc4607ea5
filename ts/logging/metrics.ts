import { LineFile } from './files.ts'

/** What a line of metrics holds: numbers, text, and lists and maps of them. */
export type Metric = number | string | boolean | null | readonly Metric[] | { readonly [key: string]: Metric }

export type MetricsRow = { readonly [key: string]: Metric }

/** `metrics.jsonl`: one JSON object a line. Numbers that JSON does not have are the texts `nan`, `inf`, `-inf`. */
export class MetricsFile {
  readonly #file: LineFile

  constructor(path: string) {
    this.#file = new LineFile(path)
  }

  write(row: MetricsRow): void {
    this.#file.write(
      JSON.stringify(row, (_, value) => (typeof value === 'number' ? jsonNumber(value) : value)),
    )
  }

  close(): void {
    this.#file.close()
  }
}

/**
 * `metrics.json` as VISSL writes it: one line a phase with sorted keys `iteration`, `phase_idx`, `train_phase_idx`
 * and, where there is a meter, `train_METER` or `test_METER`.
 */
export class PhaseMetricsFile {
  readonly #file: LineFile

  constructor(path: string) {
    this.#file = new LineFile(path)
  }

  /** @param meters values by meter name, such as `{ accuracy_list_meter: { top_1: { 0: 12.5 } } }` */
  write(
    phase: { iteration: number; phase_idx: number; train_phase_idx: number; train: boolean },
    meters: { readonly [name: string]: Metric } = {},
  ): void {
    const { train, ...row } = phase
    const kind = train ? 'train' : 'test'
    const metered = Object.entries(meters).map(([name, value]) => [`${kind}_${name}`, value])
    this.#file.write(pythonJson({ ...row, ...Object.fromEntries(metered) }))
  }

  close(): void {
    this.#file.close()
  }
}

/** JSON with Python's separators and sorted keys; `NaN` and `Infinity` bare, as Python writes them. */
export function pythonJson(value: Metric): string {
  if (typeof value === 'number') return String(value)
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}: ${pythonJson(item)}`).join(', ')}}`
}

function jsonNumber(value: number): number | string {
  if (Number.isFinite(value)) return value
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
}
