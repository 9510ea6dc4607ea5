import {
  ByolLoss,
  DeepClusterLoss,
  DinoLoss,
  MaeLoss,
  MocoLoss,
  MocoV3Loss,
  NnclrLoss,
  SimsiamLoss,
  SwavLoss,
  SwavMomentumLoss,
} from '../../losses/index.ts'
import type { Hook } from '../../train/hook.ts'
import type { Task } from '../../train/task.ts'
import { ClusterMemoryHook, InitMemoryHook } from './deepcluster.ts'
import { MaeHook } from './mae.ts'
import { MocoHook } from './moco.ts'
import { DinoHook, MomentumTeacherHook } from './momentum-teacher.ts'
import { ProjectionHook } from './projection.ts'
import { NormalizePrototypesHook, SwavNanHook, SwavQueueScoresHook } from './swav.ts'
import { SwavMomentumHook, SwavMomentumNormalizePrototypesHook } from './swav-momentum.ts'

/** The hooks that the run's loss needs, in the order in which they are called; none for most losses. */
export function lossHooks({ loss }: Pick<Task, 'loss'>): Hook[] {
  if (loss instanceof SwavLoss) {
    const { normalize_last_layer, queue } = loss.params
    return [
      ...(queue.local_queue_length > 0 ? [new SwavQueueScoresHook(loss)] : []),
      ...(normalize_last_layer ? [new NormalizePrototypesHook()] : []),
      new SwavNanHook(loss),
    ]
  }
  if (loss instanceof SwavMomentumLoss) {
    const normalizes = loss.params.normalize_last_layer
    return [
      new SwavMomentumHook(loss),
      ...(normalizes ? [new SwavMomentumNormalizePrototypesHook(loss)] : []),
    ]
  }
  if (loss instanceof DeepClusterLoss) return [new InitMemoryHook(loss), new ClusterMemoryHook(loss)]
  if (loss instanceof MocoLoss) return [new MocoHook(loss)]
  if (loss instanceof ByolLoss || loss instanceof MocoV3Loss) return [new MomentumTeacherHook(loss)]
  if (loss instanceof DinoLoss) return [new DinoHook(loss)]
  if (loss instanceof MaeLoss) return [new MaeHook(loss)]
  if (loss instanceof SimsiamLoss || loss instanceof NnclrLoss) return [new ProjectionHook(loss)]
  return []
}
