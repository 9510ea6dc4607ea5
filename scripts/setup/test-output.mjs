/** Sums the `test result:` lines of cargo test. */
export function countCargo({ output }) {
  let passed = 0
  let failed = 0
  for (const [, ok, bad] of output.matchAll(/^test result: \S+ (\d+) passed; (\d+) failed/gm)) {
    passed += Number(ok)
    failed += Number(bad)
  }
  return { passed, failed }
}

/** The `---- name stdout ----` sections of cargo test. */
export function failuresOfCargo(output) {
  return [...output.matchAll(/^failures:\n\n(?=----)([\s\S]*?)\n\nfailures:/gm)]
    .map(([, text]) => text)
    .join('\n')
}

/** Counts the top-level `ok` and `not ok` lines of TAP; a crashed file is a `not ok`. Skipped tests are failures here. */
export function countTap({ output }) {
  let passed = 0
  let failed = 0
  for (const [line, bad] of output.matchAll(/^(not )?ok \d+.*$/gm)) {
    if (bad || /# (SKIP|TODO)/i.test(line)) failed++
    else passed++
  }
  return { passed, failed }
}

/** The `not ok` lines of TAP with what stands below each: what the test logged, and the YAML block. */
export function failuresOfTap(output) {
  const kept = []
  let keep = false
  for (const line of output.split('\n')) {
    if (/^(not )?ok \d+/.test(line)) keep = line.startsWith('not ok') || /# (SKIP|TODO)/i.test(line)
    else if (/^\d+\.\.\d+/.test(line)) keep = false
    if (keep) kept.push(line)
  }
  return kept.join('\n')
}
