import { basename, dirname, resolve } from 'node:path'
import type { Config } from '../config/index.ts'
import { TRAIN_CONFIG } from '../logging/index.ts'

/** A copy whose paths of data, labels and weights hold from any working folder. */
export function withAbsolutePaths(config: Config, cwd: string): Config {
  const copy = structuredClone(config)
  for (const split of [copy.DATA.TRAIN, copy.DATA.TEST]) {
    split.DATA_PATHS = split.DATA_PATHS.map((path) => absolute(path, cwd))
    split.LABEL_PATHS = split.LABEL_PATHS.map((paths) =>
      typeof paths === 'string' ? absolute(paths, cwd) : paths.map((path) => absolute(path, cwd)),
    )
  }
  const weights = copy.MODEL.WEIGHTS_INIT
  weights.PARAMS_FILE = absolute(weights.PARAMS_FILE, cwd)
  return copy
}

/** A configuration that trains the same run again: paths are absolute, and the run's folder is chosen anew. */
export function reproducible(config: Config, cwd: string): Config {
  const copy = withAbsolutePaths(config, cwd)
  copy.CHECKPOINT.DIR = '.'
  return copy
}

/** Empty paths stand for the catalog's, and addresses are what they are. */
const absolute = (path: string, cwd: string): string =>
  path === '' || /^[a-z]+:\/\//i.test(path) ? path : resolve(cwd, path)

/**
 * What a run is called: the folder of images, the configuration, or for the configuration that an earlier run left
 * (`runs/NAME-N/train_config.yaml`) that run's name without its number.
 */
export function runName(configName: string, folder: string | undefined): string {
  if (folder !== undefined) return basename(folder)
  const name = basename(configName)
  return `${name}.yaml` === TRAIN_CONFIG ? basename(dirname(resolve(configName))).replace(/-\d+$/, '') : name
}
