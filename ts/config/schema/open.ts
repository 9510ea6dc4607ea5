/** Schemas of blocks in which keys beside the listed ones are expected. */
const openGroups = new WeakSet<object>()

export function markOpen<T extends object>(schema: T): T {
  openGroups.add(schema)
  return schema
}

/** Whether unknown keys of the object schema are expected. */
export function isOpen(schema: object): boolean {
  return openGroups.has(schema)
}
