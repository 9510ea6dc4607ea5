import type { Tensor } from '../engine/index.ts'
import { meters } from './meter.ts'
import { TopKMeter } from './top-k.ts'

/** Top-k accuracy of each output in percent: a sample counts when any of its classes is among the k best. */
export class AccuracyListMeter extends TopKMeter {
  static readonly key = 'accuracy_list_meter'

  constructor(params: unknown = {}) {
    super(AccuracyListMeter.key, params)
  }

  protected override count(hits: Tensor): { hits: number; of: number } {
    return { hits: hits.any(1).sum().item(), of: hits.shape[0]! }
  }
}

meters.register(AccuracyListMeter.key, AccuracyListMeter)
