import { readFileSync } from 'node:fs'
import test from 'ava'

/** Everything that a module loads at once, types left out: addresses of files, and names of packages. */
function loaded(module: URL, seen = new Set<string>()): Set<string> {
  if (seen.has(module.href)) return seen
  seen.add(module.href)
  const text = readFileSync(module, 'utf8')
  for (const [, names = '', from = ''] of text.matchAll(
    /^(?:import|export)\s+([^'";]*?\s+from\s+)?'([^']+)'/gm,
  )) {
    const values = names
      .replace(/\bfrom\b/, '')
      .replace(/[{}\s]/g, '')
      .split(',')
      .filter(Boolean)
    const onlyTypes =
      names.startsWith('type ') || (values.length > 0 && values.every((name) => /^type[A-Z]/.test(name)))
    if (onlyTypes) continue
    if (from.startsWith('.')) loaded(new URL(from, module), seen)
    else seen.add(from)
  }
  return seen
}

for (const file of ['main.ts', 'train.ts', 'config-show.ts']) {
  test(`${file} starts without packages, schemas or native code`, (t) => {
    const all = [...loaded(new URL(`../../ts/cli/${file}`, import.meta.url))]
    t.true(all.length > 1)
    t.deepEqual(
      all.filter((name) => !name.startsWith('node:') && !name.startsWith('file:')),
      [],
    )
    t.deepEqual(
      all.filter((name) => /\/ts\/(?:config|engine|launch)\//.test(name)),
      [],
    )
  })
}
