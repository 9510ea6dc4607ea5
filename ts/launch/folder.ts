import type { Config, Origins } from '../config/index.ts'
import { originOf } from '../config/index.ts'
import { createLoader, type Loader } from '../data/index.ts'
import { scope } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'

/** Images that are looked at to learn how large they are. */
const PROBE = 24
/** Images that pass through the network in a run, at least about this many. */
const IMAGES_WANTED = 60_000

/**
 * Chooses crops, stem, batch and epochs for a folder of images, as far as the command line does not.
 *
 * @param say told what was chosen, and why
 * @throws VisslError when the folder has no usable images, or a single one
 */
export async function fitFolder(
  config: Config,
  origins: Origins,
  say: (message: string) => void,
): Promise<Config> {
  const fitted = structuredClone(config)
  const { TRAIN } = fitted.DATA
  const probe = createLoader({
    split: {
      ...TRAIN,
      TRANSFORMS: [{ name: 'ToTensor' }],
      COLLATE_FUNCTION: 'default_collate',
      BATCHSIZE_PER_REPLICA: 1,
      DROP_LAST: false,
    },
    maxFailed: 1,
  })
  const { samples, skipped } = probe.info
  say(
    `${samples.toLocaleString('en')} images found${skipped.length > 0 ? ` (${skipped.length} files skipped: ${skipped[0]!.path}: ${skipped[0]!.reason}${skipped.length > 1 ? ', …' : ''})` : ''}`,
  )
  if (samples < 4) {
    throw new VisslError(
      ExitCode.data,
      `${samples} images are too few to learn from`,
      'give a folder with more images',
    )
  }
  const side = await typicalSide(probe)
  const isGiven = (key: string): boolean => originOf(origins, `config.${key}`).kind === 'override'
  const small = side < 64
  const size = small ? Math.max(16, Math.floor(side / 4) * 4) : side < 160 ? 64 : 96
  const batch = Math.min(small ? 256 : 64, 2 ** Math.floor(Math.log2(Math.max(2, samples / 2))))
  const epochs = Math.min(200, Math.max(5, Math.round(IMAGES_WANTED / samples)))
  if (!isGiven('DATA.TRAIN.BATCHSIZE_PER_REPLICA')) TRAIN.BATCHSIZE_PER_REPLICA = batch
  if (!isGiven('OPTIMIZER.num_epochs')) fitted.OPTIMIZER.num_epochs = epochs
  if (!isGiven('DATA.TRAIN.TRANSFORMS')) {
    for (const transform of TRAIN.TRANSFORMS)
      if (transform.name === 'RandomResizedCrop') transform.size = size
  }
  const { RESNETS } = fitted.MODEL.TRUNK.TRUNK_PARAMS
  if (small && !isGiven('MODEL.TRUNK.TRUNK_PARAMS.RESNETS.STEM')) RESNETS.STEM = 'small_stride2'
  say(
    `chosen: ${config.LOSS.name}, ${fitted.MODEL.TRUNK.NAME}-${RESNETS.DEPTH}, crops ${size} (images are about ${side} wide), ` +
      `batch ${TRAIN.BATCHSIZE_PER_REPLICA}, ${fitted.OPTIMIZER.num_epochs} epochs; change any: config.OPTIMIZER.num_epochs=…`,
  )
  return fitted
}

/** Median of the shorter sides of the first images. */
async function typicalSide(loader: Loader): Promise<number> {
  const sides: number[] = []
  for await (const batch of loader.epoch(0, 0)) {
    sides.push(scope(() => Math.min(...batch.tensors().input.shape.slice(2))))
    if (sides.length === Math.min(PROBE, loader.info.samples)) break
  }
  sides.sort((a, b) => a - b)
  return sides[Math.floor(sides.length / 2)] ?? 0
}
