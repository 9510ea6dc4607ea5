import test from 'ava'
import { composeConfig } from '../../ts/config/index.ts'
import { ModelComplexityHook } from '../../ts/hooks/model-complexity.ts'
import type { Task } from '../../ts/train/task.ts'

test('ResNet-50 has the effort that is known of it', (t) => {
  const { config } = composeConfig({
    overrides: ['config=pretrain/simclr/simclr_8node_resnet', 'config.MODEL.HEAD.PARAMS=[]'],
    cwd: '/',
  })
  const lines: string[] = []
  const log = { info: (line: string) => void lines.push(line), warn: () => {}, error: () => {} }
  new ModelComplexityHook(log).onStart({ config, rank: 0 } as Task)
  // 23.51 M parameters without the classifier; 4.09 G multiply-adds; 11.1 M activations of convolutions (Radosavovic et
  // al. 2020, arXiv:2003.13678, table 1).
  const [parameters, flops, activations] = lines.map((line) => Number(/ ([\d.]+) [MG]$/.exec(line)![1]))
  t.is(parameters, 23.508)
  t.true(Math.abs(flops! - 4.09) < 0.02, lines[1])
  t.true(Math.abs(activations! - 11.1) < 0.1, lines[2])
})
