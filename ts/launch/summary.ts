import type { KnnRecord } from '../hooks/knn.ts'
import { formatTable } from '../logging/index.ts'

/** The table at the end of a run: raw pixels, untrained network, trained network. Empty without measurements. */
export function knnTable(records: readonly KnnRecord[]): string {
  const trained = records.findLast((record) => (record.epoch ?? 0) > 0)
  const rows = [
    records.find((record) => record.epoch === undefined),
    records.find((record) => record.epoch === 0),
    trained === undefined ? undefined : { ...trained, what: 'trained network' },
  ].filter((record) => record !== undefined)
  if (rows.length === 0) return ''
  const cells = rows.map(({ what, top1 }) => [`  ${what}`, `${top1.toFixed(1)} %`])
  return formatTable([['  kNN accuracy', ''], ...cells])
}
