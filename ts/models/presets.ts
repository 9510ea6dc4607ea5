import { convnextPresets, regnetPresets, visionTransformerPresets } from '../config/schema/trunks.ts'
import type { ModelInput } from './params.ts'

/** A network with a name of its own. */
export interface Preset {
  readonly name: string
  readonly config: ModelInput
  /** C, H, W of the images it is made for. */
  readonly input: readonly [number, number, number]
}

const IMAGENET = [3, 224, 224] as const

function preset(
  name: string,
  trunk: string,
  section: string,
  params: object,
  input: Preset['input'] = IMAGENET,
): Preset {
  return { name, input, config: { TRUNK: { NAME: trunk, TRUNK_PARAMS: { [section]: params } } } }
}

const resnet = (name: string, params: object) => preset(name, 'resnet', 'RESNETS', params)

const EFFICIENTNET_SIZES = { B0: 224, B1: 240, B2: 260, B3: 300, B4: 380, B5: 456, B6: 528, B7: 600 }

/** Every network with a name: those of the papers and those that VISSL's configurations use. */
export const presets: readonly Preset[] = [
  ...[18, 34, 50, 101, 152, 200].map((DEPTH) => resnet(`resnet${DEPTH}`, { DEPTH })),
  ...[2, 4].map((width) => resnet(`resnet50_w${width}`, { DEPTH: 50, WIDTH_MULTIPLIER: width })),
  resnet('wide_resnet50_2', { DEPTH: 50, WIDTH_PER_GROUP: 128 }),
  resnet('wide_resnet101_2', { DEPTH: 101, WIDTH_PER_GROUP: 128 }),
  resnet('resnext50_32x4d', { DEPTH: 50, GROUPS: 32, WIDTH_PER_GROUP: 4 }),
  resnet('resnext101_32x8d', { DEPTH: 101, GROUPS: 32, WIDTH_PER_GROUP: 8 }),
  resnet('resnext101_64x4d', { DEPTH: 101, GROUPS: 64, WIDTH_PER_GROUP: 4 }),
  ...Object.keys(regnetPresets).map((name) => preset(name, 'regnet', 'REGNET', { name })),
  ...Object.entries(EFFICIENTNET_SIZES).map(([version, size]) =>
    preset(
      `efficientnet_${version.toLowerCase()}`,
      'efficientnet',
      'EFFICIENT_NETS',
      { model_version: version },
      [3, size, size],
    ),
  ),
  ...['bvlc', 'deepcluster', 'jigsaw', 'rotnet'].map((kind) =>
    preset(`alexnet_${kind}`, `alexnet_${kind}`, `alexnet_${kind}`, {}, [3, 227, 227]),
  ),
  {
    ...preset('alexnet_colorization', 'alexnet_colorization', 'alexnet_colorization', {}, [3, 227, 227]),
    config: { TRUNK: { NAME: 'alexnet_colorization' }, INPUT_TYPE: 'lab' },
  },
  ...Object.keys(visionTransformerPresets).map((name) =>
    preset(name, 'vision_transformer', 'VISION_TRANSFORMERS', { name, QKV_BIAS: true }),
  ),
  ...Object.keys(convnextPresets).map((name) => preset(name, 'convnext', 'CONVNEXT', { name })),
]
