import test from 'ava'
import { rankEnvironment, slurmNode } from '../../ts/distributed/index.ts'

test("torchrun's variables", (t) => {
  t.deepEqual(
    rankEnvironment({
      RANK: '5',
      LOCAL_RANK: '1',
      WORLD_SIZE: '8',
      MASTER_ADDR: 'node0',
      MASTER_PORT: '1234',
    }),
    { rank: 5, localRank: 1, worldSize: 8, rendezvous: { kind: 'tcp', host: 'node0', port: 1234 } },
  )
})

test('without RANK this process starts the others', (t) => {
  t.is(rankEnvironment({ WORLD_SIZE: '8' }), undefined)
})

test('a file can stand for the address', (t) => {
  const place = rankEnvironment({ RANK: '0', WORLD_SIZE: '2', VISSL_RENDEZVOUS_FILE: '/tmp/store' })
  t.deepEqual(place?.rendezvous, { kind: 'file', path: '/tmp/store' })
})

for (const [env, message] of [
  [{ RANK: '1' }, /WORLD_SIZE is not set/],
  [{ RANK: '2', WORLD_SIZE: '2' }, /ranks count from 0/],
  [{ RANK: '-1', WORLD_SIZE: '2' }, /RANK is "-1"/],
  [{ RANK: '1e1', WORLD_SIZE: '200' }, /RANK is "1e1"/],
  [{ RANK: '0', WORLD_SIZE: '2', MASTER_PORT: '70000' }, /MASTER_PORT is "70000"/],
] as const) {
  test(`refused: ${JSON.stringify(env)}`, (t) => {
    t.throws(() => rankEnvironment(env), { message })
  })
}

test("SLURM's node", (t) => {
  const env = { SLURM_STEP_NODELIST: 'node[0-3]', SLURM_NODEID: '2', SLURM_JOBID: '77' }
  t.deepEqual(slurmNode(env), { nodeId: 2, jobId: '77' })
  t.is(slurmNode({ SLURM_NODEID: '2' }), undefined)
})
