import { worldGroup } from '../distributed/index.ts'
import { noGrad, type Tensor } from '../engine/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/**
 * Keeps the processes of a run alike. All start from the first one's parameters and buffers; at the end of a training
 * phase they take over its running statistics (`DISTRIBUTED.BROADCAST_BUFFERS`), so that all test the same model.
 * The reference sends the statistics before every forward; in training nothing reads them, so once a phase is the same.
 */
export class SameStartHook implements Hook {
  readonly name = 'same-start'

  onStart({ model }: Task): void {
    send([...model.parameters(), ...buffersOf(model)])
  }

  onPhaseEnd({ model, train, config }: Task): void {
    if (train && config.DISTRIBUTED.BROADCAST_BUFFERS) send(buffersOf(model))
  }
}

function buffersOf(model: Task['model']): Tensor[] {
  return Array.from(model.namedBuffers(), ([, buffer]) => buffer)
}

function send(tensors: readonly Tensor[]): void {
  const group = worldGroup()
  noGrad(() => {
    for (const tensor of tensors) if (tensor.numel > 0) group.broadcast(tensor, 0)
  })
}
