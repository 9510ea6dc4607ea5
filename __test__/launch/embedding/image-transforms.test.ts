import test from 'ava'
import { composeConfig, inferConfig } from '../../../ts/config/index.ts'
import { imageTransforms, type Transform } from '../../../ts/launch/embedding/image-transforms.ts'

const dataOf = (config: string, overrides: readonly string[] = []) => {
  const composed = composeConfig({ config, overrides, cwd: '/' })
  return inferConfig(composed.config, { origins: composed.origins }).DATA
}
const names = (list: readonly Transform[]): string[] => list.map(({ name }) => name)

test('a configuration that tests at one size is followed', (t) => {
  const DATA = dataOf('pretrain/supervised/supervised_8gpu_resnet')
  const { list, height, width } = imageTransforms(DATA)
  t.deepEqual(list, DATA.TEST.TRANSFORMS as never)
  t.deepEqual([height, width], [224, 224])
})

test('without tests: 8/7 of the crop of training, its middle, and the values of training', (t) => {
  const { list, height, width } = imageTransforms(dataOf('pretrain/simclr/simclr_8node_resnet'))
  t.deepEqual(list.slice(0, 2), [
    { name: 'Resize', size: 256 },
    { name: 'CenterCrop', size: 224 },
  ])
  t.deepEqual(names(list), ['Resize', 'CenterCrop', 'ToTensor', 'Normalize'])
  t.deepEqual([height, width], [224, 224])
})

test('several crops: the largest', (t) => {
  const { list } = imageTransforms(dataOf('pretrain/swav/swav_8node_resnet'))
  t.is(list[1]!.size, 224)
})

test('small pictures are used whole, with the values of the tests', (t) => {
  const DATA = dataOf('quickstart')
  const { list, height } = imageTransforms(DATA)
  t.deepEqual(list, [
    { name: 'Resize', size: 28 },
    { name: 'CenterCrop', size: 28 },
    ...(DATA.TEST.TRANSFORMS as never),
  ])
  t.is(height, 28)
})

test('steps that draw, and tests that are not used, are left out', (t) => {
  const DATA = dataOf('quickstart', [
    'config.DATA.TEST.DATA_SOURCES=[]',
    'config.DATA.TEST.TRANSFORMS=[{name: Resize, size: [9, 9]}, {name: ToTensor}]',
    'config.DATA.TRAIN.TRANSFORMS=[{name: RandomCrop, size: [64, 128]}, {name: RandomErasing}, {name: Grayscale, num_output_channels: 3}]',
  ])
  const { list, height, width } = imageTransforms(DATA)
  t.deepEqual(list, [
    { name: 'Resize', size: 146 },
    { name: 'CenterCrop', size: [64, 128] },
    { name: 'Grayscale', num_output_channels: 3 },
    { name: 'ToTensor' },
  ])
  t.deepEqual([height, width], [64, 128])
})

test('transforms that are given are used as they are', (t) => {
  const given = [{ name: 'Resize', size: [30, 40] }, { name: 'ToTensor' }]
  const { list, height, width } = imageTransforms(dataOf('quickstart'), given)
  t.deepEqual([list, height, width], [given, 30, 40])
})
