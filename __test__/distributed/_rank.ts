// One process of a group, started by c10d.test.ts: runs the job that its argument names and sends what came out.
import {
  alone,
  averageGradients,
  broadcastText,
  joinGroup,
  largestOf,
  type ProcessGroup,
  rankEnvironment,
} from '../../ts/distributed/index.ts'
import { noGrad, ops, Parameter, type Tensor, tensor } from '../../ts/engine/index.ts'

const values = (t: Tensor): number[] => t.detach().reshape([-1]).toArray() as number[]

/** Two layers, the second unused in odd processes; their gradients by either way of averaging. */
function gradients(group: ProcessGroup, overlapped: boolean): number[] {
  const weights = [1, 2].map((value) => new Parameter(tensor([value, -value], { dtype: 'float32' })))
  const used = overlapped ? weights : weights.slice(0, 2 - (group.rank % 2))
  const averaging = averageGradients(group, weights, { overlapped, bucketMiB: 1e-6 })
  averaging?.before()
  used
    .map((weight) => weight.mul(group.rank + 1).sum())
    .reduce((sum, part) => sum.add(part))
    .backward()
  averaging?.after()
  return weights.flatMap((weight) => values(weight.grad!))
}

const jobs: Record<string, (group: ProcessGroup) => unknown> = {
  collectives(group) {
    const own = (): Tensor => tensor([group.rank, 10 * group.rank], { dtype: 'float32' })
    const reduced = (['sum', 'mean', 'max', 'min'] as const).map((reduction) => {
      const t = own()
      group.allReduce(t, reduction)
      return values(t)
    })
    const sent = own()
    group.broadcast(sent, 1)
    group.barrier()
    const column = ops
      .arange(6, { dtype: 'float32' })
      .reshape([2, 3])
      .t()
      .select(1, group.rank % 2)
    group.allReduce(column, 'sum')
    return { reduced, sent: values(sent), gathered: values(group.gather(own())), strided: values(column) }
  },

  /** Linear regression by gradient descent, each rank on its part of the rows. */
  training(group) {
    const weight = new Parameter(tensor([[0.5, -0.25, 0.125]], { dtype: 'float32' }))
    const rows = 12 / group.size
    const x = ops.arange(36, { dtype: 'float32' }).reshape([12, 3]).sin()
    const part = x.narrow(0, group.rank * rows, rows)
    const prepare = group.averageGradients([weight], 25)
    const losses: number[] = []
    for (let step = 0; step < 5; step++) {
      weight.grad = null
      prepare()
      const loss = part.matmul(weight.t()).sub(1).pow(2).mean()
      loss.backward()
      noGrad(() => void weight.sub_(weight.grad!.mul(0.1)))
      const shown = loss.detach()
      group.allReduce(shown, 'mean')
      losses.push(shown.item())
    }
    return { losses, weight: values(weight) }
  },

  averaging: (group) => [gradients(group, true), gradients(group, false)],

  agreement: (group) => ({
    text: broadcastText(group, group.rank === 1 ? 'runs/ключ-1' : 'mine', 1),
    empty: broadcastText(group, group.rank === 0 ? '' : 'mine'),
    largest: largestOf(group, group.rank === 0 ? 130 : 0),
  }),

  split(group) {
    const half = group.split([
      [0, 1],
      [2, 3],
    ])
    const t = tensor([group.rank], { dtype: 'float32' })
    half.allReduce(t, 'sum')
    const single = group.split([[0], [1], [2], [3]])
    return { sum: values(t), rank: half.rank, size: half.size, single: single === alone }
  },
}

const place = rankEnvironment(process.env)!
const group = joinGroup({ ...place, size: place.worldSize, address: '127.0.0.1', timeout: 60_000 })
process.send!(jobs[process.argv[2]!]!(group))
group.barrier()
