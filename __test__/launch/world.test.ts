import test from 'ava'
import type { Config } from '../../ts/config/index.ts'
import { groupsOf } from '../../ts/launch/sync-group.ts'
import { partOf, rendezvousVariables } from '../../ts/launch/world.ts'

const config = (distributed: Partial<Config['DISTRIBUTED']>): Config =>
  ({
    DISTRIBUTED: { NUM_NODES: 1, NUM_PROC_PER_NODE: 1, INIT_METHOD: 'tcp', RUN_ID: 'auto', ...distributed },
  }) as Config

test('one process is alone, several are started, RANK makes a rank', (t) => {
  t.deepEqual(partOf(config({}), 0, {}), { kind: 'alone' })
  const two = config({ NUM_PROC_PER_NODE: 2 })
  t.deepEqual(partOf(two, 0, {}), { kind: 'starter', nodeId: 0, count: 2, worldSize: 2 })
  t.like(partOf(two, 0, { RANK: '1', WORLD_SIZE: '2' }), { kind: 'rank', place: { rank: 1, worldSize: 2 } })
  t.throws(() => partOf(two, 0, { RANK: '1', WORLD_SIZE: '4' }), { message: /WORLD_SIZE is 4/ })
})

test("SLURM's node counts before the given one", (t) => {
  const four = config({ NUM_NODES: 2, NUM_PROC_PER_NODE: 2 })
  t.like(partOf(four, 1, {}), { nodeId: 1, worldSize: 4 })
  t.like(partOf(four, 1, { SLURM_STEP_NODELIST: 'a[0-1]', SLURM_NODEID: '0' }), { nodeId: 0 })
})

test('where ranks meet', async (t) => {
  const auto = await rendezvousVariables(config({}), {})
  t.is(auto.MASTER_ADDR, '127.0.0.1')
  t.regex(auto.MASTER_PORT!, /^\d+$/)
  t.deepEqual(await rendezvousVariables(config({ NUM_NODES: 2, RUN_ID: 'node0:4005' }), {}), {
    MASTER_ADDR: 'node0',
    MASTER_PORT: '4005',
  })
  t.deepEqual(await rendezvousVariables(config({ INIT_METHOD: 'env' }), { MASTER_ADDR: 'x' }), {
    MASTER_ADDR: 'x',
    MASTER_PORT: '29500',
  })
  t.deepEqual(await rendezvousVariables(config({ INIT_METHOD: 'file', RUN_ID: '/shared/store' }), {}), {
    VISSL_RENDEZVOUS_FILE: '/shared/store',
  })
})

test('several machines need a place to meet', async (t) => {
  for (const distributed of [
    { RUN_ID: 'auto' },
    { RUN_ID: 'xxxx' },
    { INIT_METHOD: 'file', RUN_ID: '' },
  ] as const) {
    await t.throwsAsync(rendezvousVariables(config({ NUM_NODES: 2, ...distributed }), {}), {
      message: /RUN_ID/,
    })
  }
})

test('groups that share statistics have consecutive ranks', (t) => {
  t.deepEqual(groupsOf(5, 2), [[0, 1], [2, 3], [4]])
  t.deepEqual(groupsOf(4, 2), [
    [0, 1],
    [2, 3],
  ])
})
