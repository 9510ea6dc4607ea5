import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { fetchFashionMnist } from '../../ts/data/fashion-mnist.ts'
import { userCache } from '../../ts/data/user-cache.ts'

test('the cache lies where the environment says', (t) => {
  t.is(userCache({ VISSL_CACHE: '/a', XDG_CACHE_HOME: '/b' }), '/a')
  t.is(userCache({ XDG_CACHE_HOME: '/b' }), '/b/vissl')
  t.is(userCache({}), join(homedir(), '.cache', 'vissl'))
})

test('a folder with wrong files is refused by name and leaves nothing in the cache', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-fashion-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'train-images-idx3-ubyte.gz'), 'not the data')
  const cache = join(folder, 'cache')
  const messages: string[] = []
  const found = await fetchFashionMnist({
    folder,
    cache,
    onlyFolder: true,
    onProgress: (message) => messages.push(message),
  })
  if (found.folder !== null) return t.fail()
  t.deepEqual(found.reasons, [`${folder}: train-images-idx3-ubyte has the wrong checksum`])
  t.deepEqual(messages, [`fetching Fashion-MNIST from ${folder}`])
  t.deepEqual(existsSync(join(cache, 'fashion-mnist')) ? readdirSync(join(cache, 'fashion-mnist')) : [], [])
})

test('a missing folder is a reason, not an exception', async (t) => {
  const found = await fetchFashionMnist({
    folder: '/no/such/folder',
    cache: '/no/such/cache',
    onlyFolder: true,
  })
  t.is(found.folder, null)
})
