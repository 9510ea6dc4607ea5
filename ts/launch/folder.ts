import { basename } from 'node:path'
import type { Config, Origins } from '../config/index.ts'
import { originOf } from '../config/index.ts'
import { createLoader, type Loader } from '../data/index.ts'
import { scope } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { fitMethod } from './folder-method.ts'
import { counted } from './skipped.ts'

/** Images that are looked at to learn how large they are. */
const PROBE = 24
/** Images that pass through the network in a run, at least about this many. */
const IMAGES_WANTED = 60_000

/**
 * Chooses crops, stem, batch and epochs for a folder of images, as far as the command line does not.
 *
 * @param say told what was chosen, and why
 * @throws VisslError when the folder has no usable images, or hardly any
 */
export async function fitFolder(
  config: Config,
  origins: Origins,
  say: (message: string) => void,
): Promise<Config> {
  const fitted = structuredClone(config)
  const { TRAIN } = fitted.DATA
  using probe = createLoader({
    split: {
      ...TRAIN,
      LABEL_SOURCES: TRAIN.DATA_SOURCES,
      TRANSFORMS: [{ name: 'ToTensor' }],
      COLLATE_FUNCTION: 'default_collate',
      BATCHSIZE_PER_REPLICA: 1,
      DROP_LAST: false,
    },
    maxFailed: 1,
  })
  const { samples, skipped, classes } = probe.info
  const inClasses = classes.length > 0 ? ` in ${counted(classes.length, 'sub-folder')}` : ''
  const [first] = skipped
  const left =
    first === undefined
      ? ''
      : ` (${counted(skipped.length, 'file')} skipped, the first: ${first.path}, ${first.reason})`
  say(`${counted(samples, 'image')} found${inClasses}${left}`)
  if (samples < 4) {
    throw new VisslError(
      ExitCode.data,
      `${counted(samples, 'image')} of ${TRAIN.DATA_PATHS[0]} are too few to learn from`,
      'give a folder with at least 4 images',
    )
  }
  const side = await typicalSide(probe)
  const isGiven = (key: string): boolean => originOf(origins, `config.${key}`).kind === 'override'
  TRAIN.DATASET_NAMES = [basename(TRAIN.DATA_PATHS[0] ?? '')]
  const small = side < 64
  // A multiple of 8, which the patches of a vision transformer divide.
  const size = small ? Math.max(16, Math.floor(side / 8) * 8) : side < 160 ? 64 : 96
  const batch = Math.min(small ? 256 : 64, 2 ** Math.floor(Math.log2(Math.max(2, samples / 2))))
  const epochs = Math.min(200, Math.max(5, Math.round(IMAGES_WANTED / samples)))
  if (!isGiven('DATA.TRAIN.BATCHSIZE_PER_REPLICA')) TRAIN.BATCHSIZE_PER_REPLICA = batch
  if (!isGiven('OPTIMIZER.num_epochs')) fitted.OPTIMIZER.num_epochs = epochs
  const chosen = fitMethod(fitted, { size, samples, classes: classes.length }, isGiven)
  const { NAME, TRUNK_PARAMS } = fitted.MODEL.TRUNK
  const { RESNETS } = TRUNK_PARAMS
  if (small && !isGiven('MODEL.TRUNK.TRUNK_PARAMS.RESNETS.STEM')) RESNETS.STEM = 'small_stride2'
  const trunk = NAME === 'resnet' ? `resnet-${RESNETS.DEPTH}` : NAME
  say(
    `chosen: ${[fitted.LOSS.name, trunk, ...chosen].join(', ')} (images are about ${side} wide), ` +
      `batch ${TRAIN.BATCHSIZE_PER_REPLICA}, ${counted(fitted.OPTIMIZER.num_epochs, 'epoch')}; change any: config.OPTIMIZER.num_epochs=…`,
  )
  return fitted
}

/** Median of the shorter sides of the first images that can be decoded. */
async function typicalSide(loader: Loader): Promise<number> {
  const sides: number[] = []
  let seen = 0
  for await (const batch of loader.epoch(0, 0)) {
    const { data, valid } = scope(() => ({
      data: batch.take('data.0').shape,
      valid: batch.take('data_valid.0').item() === 1,
    }))
    if (valid) sides.push(Math.min(...data.slice(2)))
    if (++seen === PROBE) break
  }
  if (sides.length === 0) throw noneDecoded(loader, seen)
  sides.sort((a, b) => a - b)
  return sides[Math.floor(sides.length / 2)]!
}

function noneDecoded(loader: Loader, seen: number): VisslError {
  const list = loader.failures.slice(0, seen).map(({ name, reason }) => `\n  ${name}: ${reason}`)
  return new VisslError(
    ExitCode.data,
    `none of the ${counted(seen, 'file')} that were tried can be decoded:${list.join('')}`,
    'repair or remove these files, or give another folder',
  )
}
