import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { computeThreads, manualSeed, ops, scope, stats } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { chooseMemoryFormat, describeFormat, type ModelInput } from '../../ts/models/index.ts'
import { flat } from '../nn/numbers.ts'

// Other test files run beside this one.
computeThreads(1)

const folder = mkdtempSync(join(tmpdir(), 'vissl-format-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

const CONFIG: ModelInput = {
  TRUNK: { NAME: 'resnet', TRUNK_PARAMS: { RESNETS: { DEPTH: 18, BASE_WIDTH: 4, STEM: 'small_stride2' } } },
}

test('the faster format is chosen, and remembered', (t) => {
  const file = join(folder, 'sub', 'formats.json')
  const first = chooseMemoryFormat(CONFIG, [4, 3, 16, 16], file)
  const { contiguous, channels_last } = first.milliseconds
  t.is(first.format, contiguous < 0.97 * channels_last ? 'contiguous' : 'channels_last')
  t.false(first.remembered)
  t.deepEqual(chooseMemoryFormat(CONFIG, [4, 3, 16, 16], file), { ...first, remembered: true })
  t.false(chooseMemoryFormat(CONFIG, [4, 3, 32, 32], file).remembered, 'other images')
  t.is(Object.keys(JSON.parse(readFileSync(file, 'utf8'))).length, 2)
  t.regex(describeFormat(first), /^(channels last|contiguous): [\d.]+ ms for a pass of the trunk, /)
})

test('measuring leaves random numbers and tensors as they were', (t) => {
  const before = stats()
  scope(() => {
    manualSeed(3)
    const expected = flat(ops.rand([4], {}))
    manualSeed(3)
    chooseMemoryFormat(CONFIG, [1, 3, 16, 16], join(folder, 'other.json'))
    t.deepEqual(flat(ops.rand([4], {})), expected)
  })
  t.is(stats().tensors, before.tensors)
})

test('a damaged or unwritable file of choices only means measuring again', (t) => {
  const file = join(folder, 'damaged.json')
  writeFileSync(file, '{"x": ')
  t.false(chooseMemoryFormat(CONFIG, [2, 3, 16, 16], file).remembered)
  t.true(chooseMemoryFormat(CONFIG, [2, 3, 16, 16], file).remembered)
  t.false(chooseMemoryFormat(CONFIG, [2, 3, 16, 16], join(file, 'no', 'folder.json')).remembered)
})

test('images that do not fit are an error', (t) => {
  const file = join(folder, 'none.json')
  t.throws(() => chooseMemoryFormat({ TRUNK: { NAME: 'alexnet_rotnet' } }, [2, 3, 8, 8], file), {
    instanceOf: VisslError,
    message: /cannot take images of 2×3×8×8/,
  })
})
