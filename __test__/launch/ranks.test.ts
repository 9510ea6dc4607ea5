import { fileURLToPath } from 'node:url'
import test from 'ava'
import { type RanksRequest, superviseRanks } from '../../ts/launch/ranks.ts'

const module = fileURLToPath(new URL('_fake-rank.mjs', import.meta.url))

async function supervise(args: string[], options: Partial<RanksRequest> = {}) {
  const said: string[] = []
  const request: RanksRequest = {
    module,
    args,
    execArgv: [],
    count: 3,
    nodeId: 0,
    worldSize: 3,
    variables: {},
    say: (message) => said.push(message),
    stallAfter: 0,
    grace: 200,
    ...options,
  }
  return { code: await superviseRanks(request), said }
}

test.serial('all ranks end well', async (t) => {
  t.deepEqual(await supervise([]), { code: 0, said: [] })
})

test.serial("one rank's failure ends all, with its reason and its exit code", async (t) => {
  const { code, said } = await supervise(['0:hang', '1:fail', '2:stop'])
  t.is(code, 3)
  t.true(said.includes('rank 1: a reason'))
  t.true(
    said.includes('rank 1 ended with exit code 3 after step 3 (train step); the other ranks are stopped'),
  )
})

test.serial('a killed rank is named', async (t) => {
  const { code, said } = await supervise(['2:kill', '0:deaf', '1:stop'])
  t.is(code, 137 as never)
  t.regex(said.join('\n'), /rank 2 was killed by SIGKILL after step 3 .*out of memory/)
})

test.serial('ranks of the second machine', async (t) => {
  const { said } = await supervise(['4:fail'], { count: 2, nodeId: 2, worldSize: 6 })
  t.true(said.some((line) => line.startsWith('rank 4 ended with exit code 3')))
})

test.serial('a run without progress is reported with the last step of each rank', async (t) => {
  const error = await t.throwsAsync(supervise(['0:hang', '1:deaf'], { count: 2, stallAfter: 4000 }))
  t.regex(
    error.message,
    /no rank has made progress for 4 s:\n {4}rank 0 \(process \d+\): step 3, train step\n/,
  )
})

test.serial('a stop is passed on and is no failure to report', async (t) => {
  const running = supervise(['0:stop', '1:stop', '2:stop'])
  const stop = setInterval(() => process.emit('SIGTERM'), 50)
  const { code, said } = await running
  clearInterval(stop)
  t.is(code, 143)
  t.deepEqual(said, [])
})
