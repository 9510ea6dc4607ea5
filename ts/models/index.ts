import './heads/eval-mlp.ts'
import './heads/mae-decoder.ts'
import './heads/mlp.ts'
import './heads/siamese-concat-view.ts'
import './heads/swav-head.ts'
import './trunks/alexnet.ts'
import './trunks/convnext.ts'
import './trunks/efficientnet.ts'
import './trunks/regnet.ts'
import './trunks/resnet.ts'
import './trunks/vision-transformer.ts'

export { FeatureExtractor } from './feature-extractor.ts'
export { Head, type HeadClass, type HeadInput, heads } from './head.ts'
export { HeadChain } from './heads/chain.ts'
export { Mlp, type MlpParams } from './heads/mlp.ts'
export { chooseMemoryFormat, describeFormat, type FormatChoice } from './memory-format.ts'
export { buildHeads, buildTrunk, type ModelBatch, type SplitState, SslModel } from './model.ts'
export { type ModelInput, type ModelParams, modelParams } from './params.ts'
export { type Preset, presets } from './presets.ts'
export { type InputShapes, type LayerTrace, type ModelTrace, type TraceOptions, traceModel } from './trace.ts'
export {
  type FeatureBlock,
  type FeaturePlan,
  planFeatures,
  runBlocks,
  Trunk,
  type TrunkClass,
  trunks,
} from './trunk.ts'
export { ResNet, type ResNetParams } from './trunks/resnet.ts'
