// One process of a group, started by distributed.test.ts: sends what its share of the images gave.
import { joinGroup, rankEnvironment, setWorldGroup } from '../../ts/distributed/index.ts'
import { cases, clusters, outcome } from './_cases.ts'

const place = rankEnvironment(process.env)!
const group = joinGroup({ ...place, size: place.worldSize, address: '127.0.0.1', timeout: 60_000 })
setWorldGroup(group)
const outcomes = Object.fromEntries(
  Object.keys(cases).map((name) => [name, outcome(name, group.rank, group.size)]),
)
process.send!({ outcomes, clusters: clusters(group.rank, group.size) })
group.barrier()
