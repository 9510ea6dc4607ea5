import { readFileSync } from 'node:fs'
import test from 'ava'
import { noGrad, scope } from '../../ts/engine/index.ts'
import { ResNet } from '../../ts/models/index.ts'
import { hashFill, hashInput } from '../nn/hash-fill.ts'
import { distance, flat } from '../nn/numbers.ts'

interface Row {
  name: string
  state_dict: [string, number[]][]
  eval: number[][]
  train: number[][]
  running_mean_after: number[]
}
const rows: Row[] = JSON.parse(
  readFileSync(new URL('../golden/models/torchvision.json', import.meta.url), 'utf8'),
)

const settings: Record<string, object> = {
  resnet50: { DEPTH: 50 },
  resnet18: { DEPTH: 18 },
  resnet34: { DEPTH: 34 },
  resnext50_32x4d: { DEPTH: 50, GROUPS: 32, WIDTH_PER_GROUP: 4 },
}

for (const row of rows) {
  test(`${row.name} is torchvision's`, (t) => {
    using trunk = new ResNet(ResNet.params.parse(settings[row.name]))
    const state = trunk.stateDict()
    t.deepEqual(
      Object.entries(state).map(([name, value]) => [name, value.shape]),
      row.state_dict.map(([name, shape]) => [`_feature_blocks.${name}`, shape]),
    )
    hashFill(trunk)
    noGrad(() =>
      scope(() => {
        const input = hashInput([2, 3, 64, 64])
        const run = () => flat(trunk.call(input)[0]!.narrow(1, 0, 256))
        t.true(distance(run.call(trunk.eval()), row.eval.flat()) < 1e-5, 'evaluation')
        t.true(distance(run.call(trunk.train()), row.train.flat()) < 1e-4, 'training')
        t.true(distance(flat(state['_feature_blocks.bn1.running_mean']!), row.running_mean_after) < 1e-5)
      }),
    )
  })
}
