import type { Tensor } from '../engine/index.ts'
import { meters } from './meter.ts'
import { TopKMeter } from './top-k.ts'

/** Share in percent of the right classes that are among a sample's k best, over all samples. */
export class RecallAtKListMeter extends TopKMeter {
  static readonly key = 'recall_at_k_list_meter'

  constructor(params: unknown = {}) {
    super(RecallAtKListMeter.key, params)
  }

  protected override count(hits: Tensor, right: number): { hits: number; of: number } {
    return { hits: hits.sum().item(), of: right }
  }
}

meters.register(RecallAtKListMeter.key, RecallAtKListMeter)
