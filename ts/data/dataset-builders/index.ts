import type { CatalogRecord } from '../catalog.ts'

/** The entry of a data set that has to be prepared first, with the lists that were made of it. */
export const builtEntry = (record: CatalogRecord): CatalogRecord => record
