import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { fetchFile } from '../../ts/data/download.ts'
import { ExitCode, type VisslError } from '../../ts/errors.ts'

const content = Buffer.from('weights '.repeat(50_000))
const digest = createHash('sha256').update(content).digest('hex').slice(0, 8)
let requests = 0

const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  whole: (response) => response.setHeader('content-length', content.length).end(content),
  moved: (response) => response.writeHead(302, { location: `/whole/net-${digest}.pth` }).end(),
  page: (response) => response.setHeader('content-type', 'text/html; charset=utf-8').end('<p>log in</p>'),
  broken: (response) => {
    response.setHeader('content-length', content.length + 1)
    response.write(content, () => response.destroy())
  },
  silent: (response) => response.setHeader('content-length', content.length).write('a'),
  nowhere: (response) => response.writeHead(404).end('no'),
}
const server = createServer((request, response) => {
  requests++
  answers[request.url!.split('/')[1]!]!(response)
})
const cache = mkdtempSync(join(tmpdir(), 'vissl-download-'))
let home = ''
test.before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  home = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
test.after.always(() => {
  server.closeAllConnections()
  server.close()
  rmSync(cache, { recursive: true, force: true })
})

const said: string[] = []
const get = (url: string, timeout = 5000) =>
  fetchFile(url, { key: 'config.KEY', cache, timeout, say: (message) => said.push(message) })

test.serial('a file is fetched once, checked by the digest in its name, and its size is told', async (t) => {
  const url = `${home}/whole/net-${digest}.pth?token=1`
  const path = await get(url)
  t.deepEqual(readFileSync(path), content)
  t.regex(path, new RegExp(`downloads/[0-9a-f]{12}-net-${digest}\\.pth$`))
  t.deepEqual(said, [`fetching ${url} (0.4 MB)`])
  const before = requests
  t.is(await get(url), path)
  t.is(requests, before)
  t.not(await get(`${home}/moved/%2e%2e%2Fnet.pth`), path)
})

const failures: [what: string, path: string, code: ExitCode, message: RegExp][] = [
  [
    'another digest',
    'whole/net-00000000.pth',
    ExitCode.data,
    /its SHA-256 begins with [0-9a-f]{8}, not 00000000/,
  ],
  ['a page instead of a file', 'page/net.pth', ExitCode.data, /the server sends a web page/],
  ['no such file', 'nowhere/net.pth', ExitCode.data, /HTTP 404 Not Found/],
  ['a connection that breaks', 'broken/net.pth', ExitCode.environment, /cannot be fetched: \S/],
  ['a server that falls silent', 'silent/net.pth', ExitCode.environment, /nothing came for 0\.2 s/],
]
for (const [what, path, code, message] of failures) {
  test.serial(`${what} is an error that names the key, and leaves nothing`, async (t) => {
    const files = readdirSync(join(cache, 'downloads'))
    const error = (await t.throwsAsync(get(`${home}/${path}`, 200))) as VisslError
    t.is(error.exitCode, code)
    t.regex(error.message, message)
    t.true(error.message.startsWith('config.KEY: '))
    t.regex(error.fix!, /config\.KEY=FILE/)
    t.deepEqual(readdirSync(join(cache, 'downloads')), files)
  })
}

test.serial('without a network, and no address', async (t) => {
  const closed = (await t.throwsAsync(get('http://127.0.0.1:1/net.pth'))) as VisslError
  t.is(closed.exitCode, ExitCode.environment)
  t.regex(closed.message, /127\.0\.0\.1:1|bad port|ECONNREFUSED/)
  t.is(((await t.throwsAsync(get('http://'))) as VisslError).exitCode, ExitCode.usage)
})

test.serial('a signal ends a download', async (t) => {
  const abort = new AbortController()
  const fetched = fetchFile(`${home}/silent/x.pth`, {
    key: 'K',
    cache,
    signal: abort.signal,
    say: () => abort.abort(),
  })
  await t.throwsAsync(fetched)
  t.false(readdirSync(join(cache, 'downloads')).some((name) => name.endsWith('.part')))
})
