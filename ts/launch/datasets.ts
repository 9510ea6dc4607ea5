import type { Config } from '../config/index.ts'
import { fetchFashionMnist } from '../data/index.ts'
import { ExitCode, VisslError } from '../errors.ts'

type Split = Config['DATA']['TRAIN']

/**
 * Fetches the data sets that are known by name and need no path of the user's. Without a network the quick start's
 * images are drawn instead, and `say` is told.
 *
 * @param signal ends a download
 * @returns the configuration with the paths filled in
 */
export async function provideDatasets(
  config: Config,
  say: (message: string) => void,
  signal?: AbortSignal,
): Promise<Config> {
  const wanted = (['TRAIN', 'TEST'] as const).filter((name) => wantsFashionMnist(config.DATA[name]))
  if (wanted.length === 0) return config
  const found = await fetchFashionMnist({ onProgress: say, ...(signal && { signal }) })
  if (signal?.aborted) return config
  const DATA = { ...config.DATA }
  for (const name of wanted) {
    DATA[name] =
      found.folder === null
        ? {
            ...DATA[name],
            DATA_SOURCES: ['shapes'],
            DATASET_NAMES: ['shapes'],
            LABEL_SOURCES: relabel(DATA[name], 'shapes'),
          }
        : { ...DATA[name], DATA_PATHS: [found.folder] }
  }
  if (found.folder === null) {
    say(`Fashion-MNIST cannot be fetched: ${found.reasons.join('; ')}`)
    say(
      'training on drawn shapes instead; to use the real images give VISSL_FASHION_MNIST=<folder with its four files>',
    )
  }
  return { ...config, DATA }
}

const relabel = (split: Split, source: string): string[] => (split.LABEL_SOURCES.length > 0 ? [source] : [])

function wantsFashionMnist(split: Split): boolean {
  const [name] = split.DATASET_NAMES
  const [source] = split.DATA_SOURCES
  if (name !== 'fashion_mnist' || (split.DATA_PATHS.length > 0 && split.DATA_PATHS[0] !== '')) return false
  if (source === 'idx') return true
  throw new VisslError(
    ExitCode.usage,
    `fashion_mnist is a set of idx arrays, but DATA_SOURCES is [${split.DATA_SOURCES.join(', ')}]`,
    'set DATA_SOURCES to [idx]',
  )
}
