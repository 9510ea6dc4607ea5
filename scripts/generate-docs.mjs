// Writes the tables of docs/config.md: every key of a configuration, as the schema describes it.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const page = fileURLToPath(new URL('../docs/config.md', import.meta.url))
const BEGIN = '<!-- keys: written by scripts/generate-docs.mjs -->'
const END = '<!-- end of keys -->'

/** The text of the page with its tables replaced by those of the schema. Needs a loader of TypeScript. */
export async function withKeys(text) {
  const { describeKeys } = await import('../ts/config/describe.ts')
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`the page lacks the lines ${BEGIN} and ${END}`)
  const tables = sections(describeKeys())
  return `${text.slice(0, begin + BEGIN.length)}\n\n${tables}\n${text.slice(end)}`
}

/** A section for each block of the root and of `config`; the keys beside them come first. */
function sections(keys) {
  const blocks = keys.filter(({ path, kind }) => kind === 'block' && /^config\.[^.]+$/.test(path))
  const isIn = ({ path }, block) => path.startsWith(`${block.path}.`)
  const single = keys.filter(
    (key) => key.path !== 'config' && !blocks.some((block) => key === block || isIn(key, block)),
  )
  return [
    section('Single keys', 'Keys beside the blocks.', single, ''),
    ...blocks.map((block) =>
      section(
        block.path,
        `${sentence(block.description)}${open(block)}`,
        keys.filter((key) => isIn(key, block)),
        `${block.path}.`,
      ),
    ),
  ].join('\n')
}

function section(title, intro, keys, prefix) {
  const rows = keys.map((key) => {
    const name = key.path.slice(prefix.length)
    if (key.kind === 'block')
      return `| **${name}** | block | | ${cell(key.description)}${key.isOpen ? '; other keys are passed on' : ''} |`
    const value = key.default === undefined ? '' : `\`${cell(JSON.stringify(key.default))}\``
    return `| \`${name}\` | ${cell(key.type)} | ${value} | ${cell(key.description)} |`
  })
  return [
    `### ${title}`,
    '',
    intro,
    '',
    '| key | type | default | |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

const open = ({ isOpen }) => (isOpen ? ' Other keys are passed on.' : '')

/** Blocks are described by a phrase; it becomes a sentence. */
function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.?!]$/.test(whole) ? whole : `${whole}.`
}

function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await import('@oxc-node/core/register')
  writeFileSync(page, await withKeys(readFileSync(page, 'utf8')))
}
