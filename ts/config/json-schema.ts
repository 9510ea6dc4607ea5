import { z } from 'zod'
import { describeKeys } from './describe.ts'
import type { Extensions } from './listed.ts'
import { movedPath } from './relocate.ts'
import { rootSchema } from './schema/index.ts'

/** A node of a JSON Schema. */
export interface JsonSchema {
  [keyword: string]: unknown
  properties?: Record<string, JsonSchema>
}

/**
 * The JSON Schema (draft 2020-12) of a configuration file, for completion and checks in editors. No key is required,
 * since a file gives only what differs from the defaults. Blocks with a closed set of keys refuse others, so that an
 * editor marks a misspelt key, of which composing only warns.
 *
 * @param extensions schemas of parts that are not built in
 * @param names names of parts by the key that picks one; they become the key's examples
 */
export function configJsonSchema(
  extensions: Extensions = {},
  names: ReadonlyMap<string, readonly string[]> = new Map(),
): JsonSchema {
  const { $schema, ...root } = convert(rootSchema)
  for (const [key, schema] of Object.entries(extensions)) {
    const parts = ['config', ...key.split('.')]
    const parent = nodeAt(root, parts.slice(0, -1))
    if (parent === undefined) continue
    const { $schema: _, ...part } = convert(schema)
    parent.properties = { ...parent.properties, [parts.at(-1)!]: part }
  }
  const keys = describeKeys([], extensions)
  for (const { path } of keys) addMoved(root, path.split('.'))
  const closed = keys.filter(({ kind, isOpen }) => kind === 'block' && !isOpen)
  for (const path of [[], ...closed.map(({ path }) => path.split('.'))]) {
    const node = nodeAt(root, path)
    if (node !== undefined) node.additionalProperties = false
  }
  for (const [key, examples] of names) {
    const node = nodeAt(root, key.split('.'))
    if (node?.type === 'string') node.examples = [...examples]
  }
  const ignored = { description: 'accepted as in VISSL, without effect' }
  const properties = { ...root.properties, defaults: ignored, hydra: ignored }
  return { $schema, title: 'vissl configuration', ...root, properties }
}

function convert(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-2020-12',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // Bounds that every whole number of JSON has, and defaults of blocks, say nothing to a reader.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      if (JSON.stringify(jsonSchema.default) === '{}') delete jsonSchema.default
    },
  }) as JsonSchema
}

function nodeAt(root: JsonSchema, path: readonly string[]): JsonSchema | undefined {
  let node: JsonSchema | undefined = root
  for (const key of path) node = node?.properties?.[key]
  return node
}

/** Where VISSL 0.1.6 moved a key or a block, both places are known. */
function addMoved(root: JsonSchema, path: readonly string[]): void {
  const moved = movedPath(path)
  const withItsBlock = [...movedPath(path.slice(0, -1)), path.at(-1)!]
  if (moved.join('.') === withItsBlock.join('.')) return
  let parent: JsonSchema = root
  for (const key of moved.slice(0, -1)) {
    parent.properties = { ...parent.properties }
    parent.properties[key] ??= { type: 'object' }
    parent = parent.properties[key]
  }
  parent.properties = { ...parent.properties, [moved.at(-1)!]: nodeAt(root, path)! }
}
