import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import {
  cacheFolder,
  describeLibtorch,
  libtorchVersion,
  recordedLibtorch,
  writeLinkFolder,
  writeRecord,
} from '../../scripts/setup/libtorch.mjs'
import { provisionLibtorch, WHEEL_RULES } from '../../scripts/setup/libtorch-sources.mjs'
import { temporaryFolder } from './helpers.ts'

/** The header of a 64-bit shared library with one 100-byte section table at its end and nothing else. */
function makeLibrary(): Buffer {
  const bytes = Buffer.alloc(164)
  bytes.writeUInt32BE(0x7f454c46, 0)
  bytes[4] = 2
  bytes[5] = 1
  bytes.writeBigUInt64LE(64n, 40)
  bytes.writeUInt16LE(100, 58)
  bytes.writeUInt16LE(1, 60)
  return bytes
}

/** A folder that looks like libtorch. */
function fakeLibtorch(root: string, version = '2.13.0+cpu'): string {
  mkdirSync(join(root, 'lib'), { recursive: true })
  mkdirSync(join(root, 'include/ATen'), { recursive: true })
  writeFileSync(join(root, 'build-version'), `${version}\n`)
  writeFileSync(join(root, 'lib/libtorch_cpu.so'), makeLibrary())
  return root
}

test('the version comes from an archive, a wheel or the header', (t) => {
  const root = temporaryFolder(t)
  t.is(libtorchVersion(root), undefined)
  mkdirSync(join(root, 'include/torch/headeronly'), { recursive: true })
  const header =
    '#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 13\n#define TORCH_VERSION_PATCH 0\n'
  writeFileSync(join(root, 'include/torch/headeronly/version.h'), header)
  t.is(libtorchVersion(root), '2.13.0')
  writeFileSync(join(root, 'version.py'), "__version__ = '2.12.1+cu130'\n")
  t.is(libtorchVersion(root), '2.12.1')
  writeFileSync(join(root, 'build-version'), '2.13.0+cpu\n')
  t.is(libtorchVersion(root), '2.13.0')
})

test('a wrong version names both versions and the fix', async (t) => {
  const root = fakeLibtorch(temporaryFolder(t), '2.5.1+cpu')
  const error = await t.throwsAsync(provisionLibtorch({ update() {} }, { LIBTORCH: root }), {
    message: /holds libtorch 2\.5\.1; vissl needs 2\.13\.0/,
  })
  t.like(error, { exitCode: 5 })
  t.regex((error as Error & { fix: string }).fix, /Point LIBTORCH at a libtorch 2\.13\.0/)
})

test('a LIBTORCH that is no libtorch says what is missing', async (t) => {
  const step = { update() {} }
  await t.throwsAsync(provisionLibtorch(step, { LIBTORCH: temporaryFolder(t) }), {
    message: /libtorch_cpu\.so is missing/,
  })
})

test('a truncated library is refused before anything loads it', (t) => {
  const root = fakeLibtorch(temporaryFolder(t))
  const library = join(root, 'lib/libtorch_cpu.so')
  t.is(describeLibtorch(root, 'LIBTORCH').preload.at(-1), library)
  truncateSync(library, readFileSync(library).length - 1)
  t.throws(() => describeLibtorch(root, 'LIBTORCH'), { message: /is truncated/ })
  writeFileSync(library, 'not a library, but longer than an ELF header of sixty-four bytes is')
  t.throws(() => describeLibtorch(root, 'LIBTORCH'), { message: /not a 64-bit shared library/ })
})

test('a record holds while its files keep their sizes', (t) => {
  const root = temporaryFolder(t)
  const libtorch = describeLibtorch(fakeLibtorch(join(root, 'libtorch')), 'cache')
  const record = join(root, 'native/libtorch.json')
  t.is(recordedLibtorch(record), undefined)
  writeRecord(record, libtorch)
  t.deepEqual(recordedLibtorch(record), libtorch)
  truncateSync(join(root, 'libtorch/lib/libtorch_cpu.so'), 100)
  t.is(recordedLibtorch(record), undefined)
  for (const damaged of ['', '{', '{}', JSON.stringify({ ...libtorch, dir: undefined })]) {
    writeFileSync(record, damaged)
    t.is(recordedLibtorch(record), undefined, damaged)
  }
})

test('the link folder stands for the CPU part alone', (t) => {
  const root = temporaryFolder(t)
  const libtorch = describeLibtorch(fakeLibtorch(join(root, 'libtorch')), 'cache')
  writeLinkFolder(join(root, 'link'), libtorch)
  writeLinkFolder(join(root, 'link'), libtorch)
  t.is(readFileSync(join(root, 'link/lib/libtorch.so'), 'utf8'), 'INPUT(-ltorch_cpu)\n')
  t.is(readFileSync(join(root, 'link/lib/libtorch_cpu.so')).length, makeLibrary().length)
})

test('the user cache follows VISSL_CACHE, then XDG_CACHE_HOME, then the home folder', (t) => {
  t.is(cacheFolder({ VISSL_CACHE: '/a', XDG_CACHE_HOME: '/b' }), '/a')
  t.is(cacheFolder({ XDG_CACHE_HOME: '/b' }), '/b/vissl')
  t.regex(cacheFolder({}), /\.cache\/vissl$/)
})

test('what the CPU needs is taken out of the wheel, and nothing of CUDA', (t) => {
  const taken = {
    'torch/lib/libtorch_cpu.so': 'lib/libtorch_cpu.so',
    'torch/lib/libc10.so': 'lib/libc10.so',
    'torch/lib/libgomp.so.1': 'lib/libgomp.so.1',
    'torch.libs/libopenblasp-r0-f658af2e.3.25.so': 'lib/libopenblasp-r0-f658af2e.3.25.so',
    'torch/include/ATen/ATen.h': 'include/ATen/ATen.h',
    'torch/version.py': 'version.py',
  }
  for (const [name, path] of Object.entries(taken)) t.is(WHEEL_RULES(name), path, name)
  for (const name of ['torch/lib/libc10_cuda.so', 'torch/lib/libtorch_cuda.so', 'torch/nn/__init__.py']) {
    t.is(WHEEL_RULES(name), undefined, name)
  }
})
