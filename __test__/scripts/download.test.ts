import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { download, reachable, sha256, verify } from '../../scripts/setup/download.mjs'
import { temporaryFolder } from './helpers.ts'

const content = 'abcdefghij'.repeat(1000)

async function serve(t: ExecutionContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`
}

const ranged: RequestListener = (request, response) => {
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const body = content.slice(from)
  response.writeHead(request.headers.range ? 206 : 200, { 'content-length': body.length })
  response.end(body)
}

test('a file is fetched, and a partial one continued', async (t) => {
  const url = await serve(t, ranged)
  const folder = temporaryFolder(t)
  await download(url, join(folder, 'whole'))
  t.is(readFileSync(join(folder, 'whole'), 'utf8'), content)
  writeFileSync(join(folder, 'rest.part'), content.slice(0, 4321))
  let first: number | undefined
  await download(url, join(folder, 'rest'), (done: number, total: number) => {
    first ??= done
    t.is(total, content.length)
  })
  t.true(first !== undefined && first > 4321)
  t.is(readFileSync(join(folder, 'rest'), 'utf8'), content)
  t.false(existsSync(join(folder, 'rest.part')))
})

test('a server that does not know ranges starts anew', async (t) => {
  const url = await serve(t, (_request, response) => response.end(content))
  const path = join(temporaryFolder(t), 'file')
  writeFileSync(`${path}.part`, 'something older')
  await download(url, path)
  t.is(readFileSync(path, 'utf8'), content)
})

test('a connection that breaks off keeps the part, not the file', async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-length': content.length })
    response.write(content.slice(0, 5000), () => response.destroy())
  })
  const path = join(temporaryFolder(t), 'file')
  const error = await t.throwsAsync(download(url, path), { message: /cannot fetch/ })
  t.like(error, { exitCode: 5 })
  t.false(existsSync(path))
})

test('an error answer and an absent server are told apart from a file', async (t) => {
  const url = await serve(t, (_request, response) => response.writeHead(404).end())
  const path = join(temporaryFolder(t), 'file')
  await t.throwsAsync(download(url, path), { message: /answered 404/ })
  t.false(await reachable(url))
  t.false(await reachable('http://127.0.0.1:1/'))
})

test('a wrong checksum removes the file', async (t) => {
  const path = join(temporaryFolder(t), 'file')
  writeFileSync(path, 'abc')
  const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
  t.is(await sha256(path), abc)
  await verify(path, abc)
  t.true(existsSync(path))
  await t.throwsAsync(verify(path, abc.replace('b', 'c')), { message: /expected ca78/ })
  t.false(existsSync(path))
})
