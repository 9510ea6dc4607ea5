// A program of its own, which `parquet.ts` waits for: the library reads asynchronously, lists are opened at once; and
// a hostile file that takes all memory ends this process alone.
import type { ParquetAnswer } from './parquet.ts'
import { parquetRows } from './parquet-rows.ts'

const answer: ParquetAnswer = await parquetRows(process.argv[2] ?? '').catch((error: Error) => ({
  error: error.message,
}))
process.stdout.write(JSON.stringify(answer))
