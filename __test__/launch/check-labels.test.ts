import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { createLoader } from '../../ts/data/index.ts'
import { ExitCode, VisslError } from '../../ts/errors.ts'
import { checkLabels } from '../../ts/launch/check-labels.ts'
import type { ModelTrace } from '../../ts/models/index.ts'
import { png } from './_images.ts'

/** A classification of five images, labelled by the numbers of a CSV table. */
function trained(labels: readonly (number | string)[], changes: Record<string, unknown> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-labels-'))
  labels.forEach((_, at) => {
    writeFileSync(join(folder, `${at}.png`), png(8, at))
  })
  const table = join(folder, 'table.csv')
  writeFileSync(table, labels.map((label, at) => `${at}.png,${label}\n`).join(''))
  const split = {
    DATA_SOURCES: ['csv'],
    DATA_PATHS: [table],
    LABEL_SOURCES: ['csv'],
    LABEL_PATHS: [],
    TRANSFORMS: [{ name: 'ToTensor' }],
    COLLATE_FUNCTION: 'default_collate',
    BATCHSIZE_PER_REPLICA: 2,
    ...changes,
  }
  const config = {
    LOSS: { name: 'CrossEntropyLoss', CrossEntropyLoss: { ignore_index: -1 } },
    DATA: { TRAIN: split, TEST: split },
  } as unknown as Parameters<typeof checkLabels>[0]
  try {
    return { config, loader: createLoader({ split }) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const outputs = (...classes: number[]) => ({ outputs: classes.map((c) => [2, c]) }) as unknown as ModelTrace

test('a label beyond the outputs of the model is named before the first step', (t) => {
  const { config, loader } = trained([0, 3, 1, 4, -1])
  using opened = loader
  t.notThrows(() => checkLabels(config, outputs(5), { TRAIN: opened }))
  const error = t.throws(() => checkLabels(config, outputs(9, 4), { TEST: opened }), {
    instanceOf: VisslError,
  })
  t.is(error?.exitCode, ExitCode.data)
  t.regex(error?.message ?? '', /DATA\.TEST\.LABEL_SOURCES\[0\]: the label of .*3\.png is 4, .*0 to 3/)
  // Where the outputs are not known, or the loss counts no classes, or the transforms label, nothing is said.
  t.notThrows(() => checkLabels(config, undefined, { TRAIN: opened }))
  const other = { ...config, LOSS: { ...config.LOSS, name: 'simclr_info_nce_loss' } } as typeof config
  t.notThrows(() => checkLabels(other, outputs(4), { TRAIN: opened }))
  const rotated = trained([0, 9], { TRANSFORMS: [{ name: 'ImgRotatePil' }, { name: 'ToTensor' }] })
  using loaded = rotated.loader
  t.notThrows(() => checkLabels(rotated.config, outputs(4), { TRAIN: loaded }))
})

test('a negative label counts only when the loss leaves it out', (t) => {
  const { config, loader } = trained([0, -1, -2])
  using opened = loader
  const error = t.throws(() => checkLabels(config, outputs(4), { TRAIN: opened }), { instanceOf: VisslError })
  t.regex(error?.message ?? '', /2\.png is -2/)
  t.regex(error?.fix ?? '', /ignore_index=-2/)
})

test('gaps in a column of numbers are no class named nan, and 3.0 is 3', (t) => {
  for (const gap of ['nan', 'NaN', 'inf', '0.5'])
    t.throws(() => trained(['1.0', '10.0', gap]), {
      message: new RegExp(`image 2 is ${gap}, no whole number`),
    })
  const { config, loader } = trained(['2.0', '10.0', '1.0'])
  using opened = loader
  t.deepEqual(opened.info.classes, [])
  t.notThrows(() => checkLabels(config, outputs(11), { TRAIN: opened }))
  t.throws(() => checkLabels(config, outputs(10), { TRAIN: opened }), { message: /1\.png is 10/ })
})
