export {
  type ComposedConfig,
  type ComposeRequest,
  type Composition,
  composeConfig,
  composeTree,
} from './compose.ts'
export { type InferOptions, inferConfig } from './infer.ts'
export { inferTree } from './infer-tree.ts'
export { allKeys, defaultTree, type Extensions, outlineAt } from './listed.ts'
export { defaultConfigDirs, listOptions, packageConfigs } from './locate.ts'
export { errorOf, type Mistake, mistakeOf } from './mistake.ts'
export { describeOrigin, historyOf, type Origin, Origins, originOf, placeOf, type Step } from './origins.ts'
export { parseOverride } from './override.ts'
export { relationMistakes } from './relations.ts'
export type { Config, RootConfig } from './schema/index.ts'
export { getAt, type Tree, type Value } from './tree.ts'
