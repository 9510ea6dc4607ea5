import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileWhole } from '../files.ts'

/** Embeddings for TensorBoard's projector. */
export interface Projection {
  /** What the projector calls them; also the name of their file. */
  readonly name: string
  /** N rows of `width` numbers. */
  readonly vectors: Float32Array
  readonly width: number
  /** A label for each row. */
  readonly labels?: readonly string[] | undefined
}

const CONFIG = 'projector_config.pbtxt'

/**
 * Adds embeddings to what the projector shows: `NAME.tsv`, `NAME_labels.tsv` where there are labels, and an entry of
 * `projector_config.pbtxt`. A name that is there already is written anew.
 *
 * @param folder of the event files
 */
export function addProjection(folder: string, { name, vectors, width, labels }: Projection): void {
  const rows: string[] = []
  for (let at = 0; at < vectors.length; at += width) rows.push(vectors.subarray(at, at + width).join('\t'))
  writeFileWhole(join(folder, `${name}.tsv`), `${rows.join('\n')}\n`)
  if (labels !== undefined) {
    const lines = labels.map((label) => label.replaceAll(/[\t\r\n]+/g, ' '))
    writeFileWhole(join(folder, `${name}_labels.tsv`), `${lines.join('\n')}\n`)
  }
  const metadata = labels === undefined ? '' : `  metadata_path: "${name}_labels.tsv"\n`
  const entry = `embeddings {\n  tensor_name: "${name}"\n  tensor_path: "${name}.tsv"\n${metadata}}\n`
  const path = join(folder, CONFIG)
  const before = existsSync(path) ? readFileSync(path, 'utf8') : ''
  if (!before.includes(`tensor_name: "${name}"`)) writeFileWhole(path, before + entry)
}
