/** The first dotted number of `text` as a tuple, e.g. `cargo 1.95.0 (f2d3…)` → [1, 95, 0]; undefined if none. */
export function parseVersion(text) {
  const match = /(\d+)\.(\d+)(?:\.(\d+))?/.exec(text)
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : undefined
}

/** Negative, zero or positive as `a` is older than, equal to or newer than `b`. */
export function compareVersions(a, b) {
  for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return a[i] - b[i]
  return 0
}

/** Whether `text` holds a version of at least `minimum`, both dotted. */
export function atLeast(text, minimum) {
  const found = parseVersion(text)
  return found !== undefined && compareVersions(found, parseVersion(minimum)) >= 0
}

/** `2.13.0` from `2.13.0+cu130`; release candidates and nightlies keep their suffix and so never match. */
export function baseVersion(text) {
  return text.trim().split('+')[0]
}
