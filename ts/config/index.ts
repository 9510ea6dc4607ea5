export {
  type ComposedConfig,
  type ComposeRequest,
  type Composition,
  composeConfig,
  composeTree,
} from './compose.ts'
export { type InferOptions, inferConfig } from './infer.ts'
export { allKeys, defaultTree, describeType, type Extensions, schemaAt } from './known.ts'
export { defaultConfigDirs, listOptions, packageConfigs } from './locate.ts'
export { errorOf, type Mistake } from './mistake.ts'
export { parseOverride } from './override.ts'
export { type Config, configSchema, type RootConfig, rootSchema } from './schema/index.ts'
export { describeOrigin, getAt, type Origin, type Origins, originOf, type Tree, type Value } from './tree.ts'
