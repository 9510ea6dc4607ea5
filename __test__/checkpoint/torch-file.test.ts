import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import {
  checkFileDigest,
  dictEntries,
  Float,
  loadTorchFile,
  orderedDict,
  orderedDictAttributes,
  Placeholder,
  StoredTensor,
  saveTorchFile,
  saveTorchFileLater,
  type TorchObject,
  type TorchValue,
  Tuple,
  writeFileAtomically,
} from '../../ts/checkpoint/torch-file.ts'
import { ExitCode, VisslError } from '../../ts/errors.ts'

const golden = fileURLToPath(new URL('../golden/checkpoint/', import.meta.url))
const python = process.env.VISSL_PYTHON ?? 'python3'
const hasTorch = spawnSync(python, ['-c', 'import torch']).status === 0

const folder = mkdtempSync(join(tmpdir(), 'vissl-torch-file-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

const float = (value: number): string => {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  return JSON.stringify(Object.is(value, -0) ? '-0' : String(value))
}

/** The same description as golden/checkpoint/describe.py gives. */
function describe(value: TorchValue): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint') return { int: String(value) }
  if (value instanceof Float) return { float: float(value.value) }
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  if (value instanceof StoredTensor) {
    return {
      tensor: value.dtype,
      shape: value.shape,
      sha256: createHash('sha256').update(value.bytes).digest('hex'),
      parameter: value.parameter,
      requiresGrad: value.requiresGrad,
    }
  }
  if (value instanceof Tuple) return { tuple: value.items.map(describe) }
  if (Array.isArray(value)) return { list: value.map(describe) }
  if (value instanceof Set) return { set: sorted([...value].map(describe)) }
  if (value instanceof Placeholder) return { placeholder: value.className }
  const attributes = orderedDictAttributes(value)
  const entries = dictEntries(value).map(([key, item]) => [describe(key), describe(item)])
  const out: Record<string, unknown> = attributes === undefined ? { dict: entries } : { odict: entries }
  if (attributes !== undefined && attributes !== null) out.attributes = describe(attributes)
  return out
}

const sorted = (items: unknown[]): unknown[] =>
  items
    .map((item) => JSON.stringify(item))
    .sort()
    .map((item) => JSON.parse(item) as unknown)

/** Python's and JavaScript's texts of one float differ; both are made JavaScript's. Sets are sorted. */
function expected(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(expected)
  if (json === null || typeof json !== 'object') return json
  if ('float' in json) {
    const text = json.float as string
    return { float: /^(nan|-?inf)$/.test(text) ? text : float(Number(text)) }
  }
  if ('set' in json) return { set: sorted((json.set as unknown[]).map(expected)) }
  return Object.fromEntries(Object.entries(json).map(([key, item]) => [key, expected(item)]))
}

const describedByTorch = (name: string): unknown =>
  expected(JSON.parse(readFileSync(join(golden, `${name}.json`), 'utf8')))

function fails(
  t: import('ava').ExecutionContext,
  run: () => unknown,
  exitCode: number,
  message: RegExp,
): void {
  const error = t.throws(run, { instanceOf: VisslError })
  t.is(error.exitCode, exitCode)
  t.regex(error.message, message)
  t.truthy(error.fix)
}

for (const name of ['values', 'simclr_regnet_model_phase0']) {
  test(`${name}: read as PyTorch reads it, written again and read as the same`, (t) => {
    const value = loadTorchFile(join(golden, `${name}.torch`), { exactFloats: true })
    t.deepEqual(describe(value), describedByTorch(name))
    const path = join(folder, `${name}.torch`)
    saveTorchFile(path, value)
    t.true(checkFileDigest(path))
    t.deepEqual(describe(loadTorchFile(path, { exactFloats: true, verify: true })), describedByTorch(name))
    if (hasTorch) {
      const text = execFileSync(python, [join(golden, 'describe.py'), path], {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
      })
      t.deepEqual(expected(JSON.parse(text)), describedByTorch(name))
    }
  })
}

for (const name of ['values', 'simclr_regnet_model_phase0']) {
  test(`${name}: the format from before PyTorch 1.6 holds the same`, (t) => {
    const value = loadTorchFile(join(golden, `${name}.legacy_format.torch`), { exactFloats: true })
    t.deepEqual(describe(value), describedByTorch(name))
  })
}

/** What written.torch holds; PyTorch 2.13 opened that file when it was committed, so equal bytes open too. */
function written(): TorchValue {
  const weight = new StoredTensor('float32', [2, 2], new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer))
  const model = orderedDict(
    {
      'fc.weight': weight,
      'fc.tied': weight,
      'fc.bias': new StoredTensor('bfloat16', [2], new Uint8Array(4)),
    },
    { _metadata: orderedDict({ '': { version: 1 } }) },
  )
  return {
    phase_idx: 0,
    loss: 0.5,
    lr: new Float(1),
    big: 2n ** 80n,
    small: -(2n ** 80n),
    bytes: new Uint8Array([0, 127, 128, 255]),
    list: [1, -1, 300, 70_000, 2 ** 40, null, true, 'ключ'],
    tuple: new Tuple([1, new Tuple([])]),
    set: new Set([1, 'a']),
    state: new Map<TorchValue, TorchValue>([
      [0, { step: 3 }],
      [1, {}],
    ]),
    odd: new StoredTensor('uint16', [1], new Uint8Array([1, 2])),
    parameter: new StoredTensor('float32', [], new Uint8Array(4), { parameter: true, requiresGrad: true }),
    model,
  }
}

test('the bytes written are those that PyTorch was seen to open', (t) => {
  const path = join(folder, 'written.torch')
  saveTorchFile(path, written())
  t.true(readFileSync(path).equals(readFileSync(join(golden, 'written.torch'))))
  t.deepEqual(describe(loadTorchFile(path, { exactFloats: true })), describedByTorch('written'))
})

test('values keep kind, order and sharing', (t) => {
  const path = join(folder, 'kinds.torch')
  saveTorchFile(path, written())
  const value = loadTorchFile(path) as TorchObject
  t.is(value.lr, 1)
  t.is(value.big, 2n ** 80n)
  t.deepEqual(
    value.state,
    new Map<TorchValue, TorchValue>([
      [0, { step: 3 }],
      [1, {}],
    ]),
  )
  const model = value.model as Record<string, StoredTensor>
  t.is(model['fc.weight'], model['fc.tied'])
  t.deepEqual(Object.keys(model), ['fc.weight', 'fc.tied', 'fc.bias'])
  t.deepEqual([...new Float32Array(model['fc.weight']!.bytes.buffer)], [1, 2, 3, 4])
  t.is(orderedDictAttributes(value), undefined)
  t.deepEqual(orderedDictAttributes(model), { _metadata: { '': { version: 1 } } })
})

test('views of one storage share its memory, keys of objects stay theirs', (t) => {
  const value = loadTorchFile(join(golden, 'values.torch')) as TorchObject
  const [base, slice] = value.views as StoredTensor[]
  t.is(base!.bytes.buffer, slice!.bytes.buffer)
  t.deepEqual([...(value.numbered as Map<string, number>).keys()], ['10', '2', 'a'])
  t.true(Object.hasOwn(value, '__proto__'))
  t.is((value as { polluted?: boolean }).polluted, undefined)
})

test('what has no Python form is refused by its place', (t) => {
  const path = join(folder, 'refused.torch')
  const save = (value: unknown) => () => saveTorchFile(path, value as TorchValue)
  fails(t, save({ a: [1, undefined] }), ExitCode.internal, /cannot save \.a\[1\]: undefined/)
  fails(t, save({ a: () => 1 }), ExitCode.internal, /\.a: function/)
  fails(t, save({ a: new Date() }), ExitCode.internal, /\.a: an object of class Date/)
  fails(t, save(new Map([[[1], 2]])), ExitCode.internal, /a key is a container/)
  fails(t, save(new Placeholder('a.B', false)), ExitCode.internal, /class a\.B/)
  fails(t, save('\ud800'), ExitCode.internal, /not valid Unicode/)
  fails(
    t,
    save(new StoredTensor('float32', [3], new Uint8Array(8))),
    ExitCode.usage,
    /shape \[3\] is given 8 bytes/,
  )
  const cycle: TorchValue[] = []
  cycle.push(cycle)
  fails(t, save(cycle), ExitCode.internal, /holds itself/)
  let deep: TorchValue = null
  for (let i = 0; i < 600; i++) deep = [deep]
  fails(t, save(deep), ExitCode.internal, /nested more than 512 deep/)
  t.false(readdirSync(folder).some((name) => name.includes('refused')))
})

test('damaged, cut, missing and foreign files are named', (t) => {
  const path = join(folder, 'damaged.torch')
  saveTorchFile(path, written())
  const bytes = readFileSync(path)
  bytes[100] = bytes[100]! ^ 1
  writeFileSync(path, bytes)
  fails(t, () => loadTorchFile(path), ExitCode.data, /corrupt checkpoint: .*damaged\.torch/)
  fails(t, () => loadTorchFile(path, { verify: false }), ExitCode.data, /damaged\.torch: .*checksum/)
  truncateSync(path, 500)
  fails(t, () => loadTorchFile(path, { verify: false }), ExitCode.data, /cut short/)
  fails(t, () => loadTorchFile(join(folder, 'absent.torch')), ExitCode.data, /cannot read .*absent\.torch/)
  fails(t, () => loadTorchFile(join(golden, 'values.torch'), { verify: true }), ExitCode.data, /no digest/)
  fails(t, () => loadTorchFile(folder), ExitCode.usage, /is a folder/)
  fails(t, () => loadTorchFile(join(golden, 'describe.py')), ExitCode.data, /does not start like/)
  fails(
    t,
    () => saveTorchFile(join(folder, 'no', 'x.torch'), 1),
    ExitCode.environment,
    /cannot write .*no\/x\.torch/,
  )
})

test('half-written siblings of killed processes are ignored', (t) => {
  const path = join(folder, 'killed.torch')
  writeFileSync(join(folder, `.killed.torch.${process.pid}-0.vissl-tmp`), 'half')
  writeFileSync(join(folder, '.killed.torch.sha256.1-0.vissl-tmp'), 'half')
  saveTorchFile(path, 'whole')
  t.is(loadTorchFile(path, { verify: true }), 'whole')
})

test('a link is replaced, its target stays', (t) => {
  const target = join(folder, 'target.torch')
  const link = join(folder, 'link.torch')
  saveTorchFile(target, 'target')
  symlinkSync(target, link)
  saveTorchFile(link, 'new')
  t.is(loadTorchFile(target), 'target')
  t.is(loadTorchFile(link), 'new')
})

test('any file is replaced whole', (t) => {
  const path = join(folder, 'plain.txt')
  writeFileAtomically(path, Buffer.from('one'))
  writeFileAtomically(path, Buffer.from('two'))
  t.is(readFileSync(path, 'utf8'), 'two')
})

test('no room: the error says so, the old file stays, nothing is left behind', (t) => {
  const full = mkdtempSync(join(folder, 'full-'))
  const path = join(full, 'model.torch')
  saveTorchFile(path, 'old')
  const moduleUrl = new URL('../../ts/checkpoint/torch-file.ts', import.meta.url)
  const script = `
    import { saveTorchFile, StoredTensor } from ${JSON.stringify(moduleUrl.href)}
    try {
      saveTorchFile(${JSON.stringify(path)}, new StoredTensor('uint8', [4194304], new Uint8Array(4194304)))
    } catch (error) {
      console.log(JSON.stringify({ message: error.message, fix: error.fix, exitCode: error.exitCode }))
    }`
  // A limit on file sizes stands for a full disk; its signal is ignored so that the write fails instead.
  const run = spawnSync(
    'sh',
    [
      '-c',
      `trap '' XFSZ; ulimit -f 1024; exec "$0" --import=@oxc-node/core/register --input-type=module -e "$1"`,
      process.execPath,
      script,
    ],
    { encoding: 'utf8' },
  )
  const error = JSON.parse(run.stdout) as { message: string; fix: string; exitCode: number }
  t.is(error.exitCode, ExitCode.environment)
  t.regex(error.message, /cannot write .*model\.torch.*too large/i)
  t.regex(error.fix, /limit/)
  t.is(loadTorchFile(path, { verify: true }), 'old')
  t.deepEqual(readdirSync(full).sort(), ['model.torch', 'model.torch.sha256'])
})

test('a file written on another thread is the same file', async (t) => {
  const path = join(folder, 'later.torch')
  await saveTorchFileLater(path, written())
  t.true(readFileSync(path).equals(readFileSync(join(golden, 'written.torch'))))
  t.true(checkFileDigest(path))
})

test('failures on another thread are the same errors', async (t) => {
  const error = await t.throwsAsync(saveTorchFileLater(join(folder, 'no/folder/x.torch'), {}), {
    instanceOf: VisslError,
  })
  t.is(error.exitCode, ExitCode.environment)
  t.truthy(error.fix)
})
