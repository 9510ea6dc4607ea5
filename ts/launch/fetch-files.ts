import type { Config } from '../config/index.ts'
import { fetchFile, isAddress } from '../data/index.ts'
import { rank } from '../distributed/index.ts'

/**
 * Fetches the files that a configuration gives as http addresses: initial weights (in the first process, which alone
 * reads them) and tables of permutations.
 *
 * @returns the configuration with the paths of the files; as it was after a signal
 * @throws VisslError naming the key, when a file cannot be had
 */
export async function fetchFiles(
  config: Config,
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<Config> {
  const fetched = structuredClone(config)
  try {
    await replace(fetched.MODEL.WEIGHTS_INIT, 'PARAMS_FILE', 'config.MODEL.WEIGHTS_INIT', rank() === 0)
    for (const split of ['TRAIN', 'TEST'] as const) {
      const isUsed = split === 'TRAIN' ? !config.TEST_ONLY : config.TEST_MODEL
      for (const [at, transform] of fetched.DATA[split].TRANSFORMS.entries())
        await replace(transform, 'perm_file', `config.DATA.${split}.TRANSFORMS.${at}`, isUsed)
    }
    return fetched
  } catch (error) {
    if (signal.aborted) return config
    throw error
  }

  async function replace(block: object, key: string, path: string, isUsed: boolean): Promise<void> {
    const values = block as Record<string, unknown>
    const value = values[key]
    if (isUsed && typeof value === 'string' && isAddress(value))
      values[key] = await fetchFile(value, { key: `${path}.${key}`, say, signal })
  }
}
