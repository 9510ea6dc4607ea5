import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { ExitCode } from '../../ts/errors.ts'
import { config, type GoldenRow, goldenRows, missing } from './_config.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-config-'))

/** Command lines that fail in VISSL and are accepted here; docs/config.md says why. */
const accepted = [
  'config.MODEL.TRUNK.TRUNK_PARAMS.EFFICIENT_NETS={model_name:efficientnet_b0}',
  '++config.SEED_VALUE=5',
  // Of these, `config show` takes the one for a key and the other for the option.
  'config.SEED_VALUE',
  '--help',
]
/** The other way round: a group that does not exist is a mistake here, and a stray key there. */
const refused = '+config/pretrain/nothing/models=resnext101'

for (const name of ['cli_overrides', 'every_yaml_alone', 'overlays']) {
  test(`config show prints what VISSL composes and infers: ${name}`, async (t) => {
    for (const row of goldenRows(name)) {
      const line = row.overrides.join(' ')
      const raw = await config(cwd, 'show', ...row.overrides, '--format', 'json', '--raw')
      if (row.composed === undefined) {
        t.is(
          raw.code,
          row.overrides.some((text) => accepted.includes(text)) ? ExitCode.ok : ExitCode.usage,
          line,
        )
        continue
      }
      t.deepEqual([line, raw.code, missing(row.composed, JSON.parse(raw.out))], [line, ExitCode.ok, []])
      const { code, out, err } = await config(cwd, 'show', ...row.overrides, '--format', 'json')
      if (row.inferred_config === undefined) {
        t.is(code, ExitCode.usage, line)
        continue
      }
      t.is(code, ExitCode.ok, err)
      const shown = JSON.parse(out) as Record<string, unknown>
      const lacking = [...missing(row.inferred_config, shown.config), ...missing(row.inferred_top, shown)]
      t.deepEqual([line, lacking], [line, []])
    }
  })
}

test('what fails in VISSL fails here, with a message and what to do', async (t) => {
  const file = new URL('../golden/configs/errors.json', import.meta.url)
  const rows = JSON.parse(readFileSync(file, 'utf8')) as (GoldenRow & { note?: string })[]
  for (const { overrides, note } of rows) {
    const { code, err } = await config(cwd, 'show', ...overrides)
    const works = note !== undefined || overrides.some((text) => accepted.includes(text))
    t.is(code, works && !overrides.includes(refused) ? ExitCode.ok : ExitCode.usage, overrides.join(' '))
    if (code !== ExitCode.ok) t.regex(err, /^✖ .+\n.*fix: /s)
  }
})
