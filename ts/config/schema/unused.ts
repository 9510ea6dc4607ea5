const MARK = 'without effect: '

/**
 * Marks the description of a key, or of a block with all its keys, that is accepted as in VISSL and that nothing reads.
 * Who sets it to something else than its default is warned.
 *
 * @param instead what to use, or what happens anyway
 */
export function unused(description: string, instead: string): string {
  return `${description}; ${MARK}${instead}`
}

/** What {@link unused} was told; `undefined` for the description of a key that is read. */
export function insteadOf(description: string): string | undefined {
  const at = description.indexOf(MARK)
  return at < 0 ? undefined : description.slice(at + MARK.length)
}
