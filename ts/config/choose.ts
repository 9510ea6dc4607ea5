import { didYouMean } from '../errors.ts'
import { isGroup, listGroups } from './locate.ts'
import { type Mistake, mistakeOf } from './mistake.ts'
import { type Override, parseOverride } from './override.ts'
import { isTree } from './tree.ts'

/** A file to merge. */
export interface Choice {
  /** `config`, `config/pretrain/simclr/models` */
  readonly group: string
  /** Name within the group. */
  readonly option: string
  /** Where its keys are put; as the file says when not given. */
  readonly package: string | undefined
}

/** A command line, sorted. */
export interface Choices {
  /** `undefined` when none is chosen, which is a mistake. */
  readonly base: Choice | undefined
  /** In the order given. */
  readonly overlays: readonly Choice[]
  /** In the order given; they are applied after all files. */
  readonly values: readonly Override[]
  /** Overrides that cannot be read or choose nothing; the rest is sorted all the same. */
  readonly mistakes: readonly Mistake[]
}

/**
 * Tells the overrides that choose files from those that set values, as Hydra does: the former have a key that is a
 * folder of a search folder. Overrides of `hydra` have no meaning here and are left out.
 *
 * @param config a base that an override `config=NAME` goes before
 */
export function choose(
  overrides: readonly string[],
  config: string | undefined,
  dirs: readonly string[],
): Choices {
  let base = config
  const overlays: Choice[] = []
  const values: Override[] = []
  const mistakes: Mistake[] = []
  for (const text of overrides) {
    const override = parsed(text, mistakes)
    if (override === undefined || /^hydra([./]|$)/.test(override.key)) continue
    const { key, mode, value, package: place } = override
    const isFolder = isGroup(key, dirs)
    if (!isFolder && (key.includes('/') || place !== undefined)) {
      mistakes.push(notAFolder(override, dirs))
      continue
    }
    if (!isFolder || (key === 'config' && isTree(value))) {
      values.push(override)
      continue
    }
    const mistake = wrongChoice(override)
    if (mistake !== undefined) mistakes.push(mistake)
    else if (mode === 'set') base = String(value)
    else overlays.push({ group: key, option: String(value), package: place })
  }
  if (base === undefined || base === '') {
    mistakes.push({
      message: 'no configuration is chosen',
      fix: 'write  config=quickstart  to begin, or choose one that  vissl config list  prints',
    })
    return { base: undefined, overlays, values, mistakes }
  }
  return { base: { group: 'config', option: base, package: undefined }, overlays, values, mistakes }
}

function parsed(text: string, mistakes: Mistake[]): Override | undefined {
  try {
    return parseOverride(text)
  } catch (error) {
    mistakes.push(mistakeOf(error))
    return undefined
  }
}

/** The mistake in an override that names a folder. */
function wrongChoice({ key, mode, text, value, package: place }: Override): Mistake | undefined {
  const isBase = key === 'config' && place === undefined
  if (mode === 'delete') {
    return {
      message: `${text}: a chosen file is not taken back`,
      fix: isBase ? 'choose another with  config=NAME' : `remove this argument and  +${key}=…`,
    }
  }
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
    return {
      message: `${text}: the name of one file is expected`,
      fix: isBase ? 'write  config=NAME' : `write  +${key}=NAME`,
    }
  }
  if (mode === 'set' && !isBase) {
    return {
      message: `${text}: nothing of ${key} was chosen before`,
      fix: `to add an overlay write  +${text}`,
    }
  }
  if (mode !== 'set' && isBase) {
    return { message: `${text}: there is a base already`, fix: `write  config=${String(value)}` }
  }
  return undefined
}

/**
 * The mistake in an override that seems to choose a file. The reference takes `+config/nothing=x` for a new key of that
 * name, and runs without the file that was meant.
 */
function notAFolder({ key, text }: Override, dirs: readonly string[]): Mistake {
  const near = didYouMean(key, listGroups(dirs)).map((name) => text.replace(key, name))
  return {
    message: `${text}: there is no folder ${key} in ${dirs.join(', ')}`,
    fix: near.length > 0 ? `did you mean  ${near.join('  or  ')} ?` : 'correct the path',
  }
}
