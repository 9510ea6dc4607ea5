import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import type { TableRows } from './parquet.ts'

/** More rows are no list for memory. */
const maxRows = 20_000_000

/** Bytes of one column, decompressed. */
const maxBytes = 2 ** 31

/** Names of columns, as those of a CSV table. */
const pathNames = ['path', 'image', 'file', 'filename']
const labelNames = ['label', 'class', 'target']

/** Why a whole Parquet file is no list of images. */
class Refused extends Error {}

/**
 * The rows of a Parquet file.
 *
 * @throws Error saying what is wrong, without the file's name
 */
export async function parquetRows(path: string): Promise<TableRows> {
  try {
    return await read(path)
  } catch (error) {
    if (error instanceof Refused) throw error
    throw new Error(`is no whole Parquet file: ${(error as Error).message}`, { cause: error })
  }
}

async function read(path: string): Promise<TableRows> {
  const file = await asyncBufferFromFile(path)
  const metadata = await parquetMetadataAsync(file)
  const [root, ...elements] = metadata.schema
  const rows = Number(metadata.num_rows)
  if (rows > maxRows) throw new Refused(`holds ${rows} rows, more than the ${maxRows} that are read`)
  // The schema lists what is below a column right after it.
  const columns: { name: string; flat: boolean }[] = []
  for (let at = 0, left = root?.num_children ?? 0; left > 0 && at < elements.length; left--) {
    const { name, num_children: children = 0, repetition_type: repetition } = elements[at]!
    columns.push({ name, flat: children === 0 && repetition !== 'REPEATED' })
    for (let below = 1; below > 0 && at < elements.length; below--, at++)
      below += elements[at]!.num_children ?? 0
  }
  const find = (names: readonly string[]) =>
    columns.find(({ name }) => names.includes(name.trim().toLowerCase()))
  const [images, labels] = [find(pathNames), find(labelNames)]
  if (images === undefined) {
    const there = columns.map(({ name }) => name).slice(0, 20)
    throw new Refused(`has no column named ${pathNames.join(', ')}; its columns are ${there.join(', ')}`)
  }
  const column = async (found: { name: string; flat: boolean }): Promise<unknown[]> => {
    const { name, flat } = found
    if (!flat) throw new Refused(`the column ${name} holds lists or records, and one value a row is wanted`)
    const chunks = metadata.row_groups.flatMap(({ columns }) =>
      columns.filter(({ meta_data: meta }) => meta?.path_in_schema[0] === name),
    )
    const bytes = chunks.reduce((sum, { meta_data: meta }) => sum + Number(meta?.total_uncompressed_size), 0)
    if (!(bytes <= maxBytes)) throw new Refused(`the column ${name} has ${bytes} bytes, too many for a list`)
    const values: unknown[] = []
    await parquetRead({
      file,
      metadata,
      columns: [name],
      compressors,
      onComplete: (rows) => {
        for (const row of rows as unknown as unknown[][]) values.push(row[0])
      },
    })
    if (values.length !== rows)
      throw new Refused(`the column ${name} has ${values.length} values for ${rows} rows`)
    return values
  }
  return {
    paths: (await column(images)).map((value, row) => {
      if (typeof value === 'string' && value !== '') return value
      if (value === null || value === undefined || value === '')
        throw new Refused(`row ${row + 1} has no path`)
      throw new Refused(`row ${row + 1} of the column ${images.name} is no text but ${kindOf(value)}`)
    }),
    labels:
      labels === undefined
        ? []
        : (await column(labels)).map((value, row) => {
            if (value === null || value === undefined || value === '')
              throw new Refused(`row ${row + 1} has no label`)
            if (['string', 'number', 'bigint', 'boolean'].includes(typeof value)) return String(value)
            throw new Refused(
              `row ${row + 1} of the column ${labels.name} is no number or text but ${kindOf(value)}`,
            )
          }),
  }
}

const kindOf = (value: unknown): string =>
  value instanceof Date ? 'a date' : value instanceof Uint8Array ? 'bytes' : `of type ${typeof value}`
