import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ExitCode, VisslError } from '../errors.ts'
import { writeIntegers } from './dataset-builders/npy.ts'
import { distantPermutations } from './dataset-builders/permutations.ts'
import { userCache } from './user-cache.ts'

type Entry = Readonly<Record<string, unknown>>

/**
 * Gives each `ShuffleImgPatches` that says `num_permutations` rather than `perm_file` the path of such a file, which is
 * made once and kept in the user's cache. The patches are those of the `ImgPatchesFromTensor` before it.
 *
 * @throws VisslError when both are given, or there are not so many permutations
 */
export function withPermutationFiles(list: readonly Entry[], cache = userCache()): Entry[] {
  let patches = 9
  return list.map((entry, at) => {
    if (entry.name === 'ImgPatchesFromTensor' && typeof entry.num_patches === 'number')
      patches = entry.num_patches
    if (entry.name !== 'ShuffleImgPatches' || entry.num_permutations === undefined) return entry
    const { num_permutations: count, ...rest } = entry
    if (rest.perm_file !== undefined || typeof count !== 'number') {
      throw new VisslError(
        ExitCode.usage,
        `TRANSFORMS.${at}.num_permutations is ${JSON.stringify(count)}${rest.perm_file === undefined ? '' : ', and there is a perm_file'}`,
        'give a number of permutations, or the file of permutations alone',
      )
    }
    return { ...rest, perm_file: permutationFile(count, patches, cache) }
  })
}

function permutationFile(count: number, patches: number, cache: string): string {
  const file = join(cache, 'permutations', `hamming_perms_${count}_patches_${patches}_max_avg.npy`)
  if (!existsSync(file)) {
    const { rows } = distantPermutations({ count, patches, method: 'max_avg', first: 0 })
    writeIntegers(file, [count, patches], rows)
  }
  return file
}
