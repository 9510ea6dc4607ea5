import { readFileSync } from 'node:fs'
import test from 'ava'
import { buildPhases } from '../../ts/train/phases.ts'

interface Row {
  num_epochs: number
  TEST_EVERY_NUM_EPOCH: number
  TEST_ONLY: boolean
  TEST_MODEL: boolean
  phases: ('train' | 'test')[]
}

test('phases are the reference’s', (t) => {
  const file = new URL('../golden/training/phases.json', import.meta.url)
  const rows = JSON.parse(readFileSync(file, 'utf8')) as Row[]
  t.true(rows.length > 10)
  for (const row of rows) {
    const phases = buildPhases({
      epochs: row.num_epochs,
      testOnly: row.TEST_ONLY,
      testModel: row.TEST_MODEL,
      testEvery: row.TEST_EVERY_NUM_EPOCH,
    })
    t.deepEqual(
      phases.map(({ train }) => (train ? 'train' : 'test')),
      row.phases,
      JSON.stringify(row),
    )
  }
})
