import type { Tensor } from '../engine/index.ts'
import { meters } from './meter.ts'
import { TopKMeter } from './top-k.ts'

/** Share in percent of the k best classes that are right, over all samples. */
export class PrecisionAtKListMeter extends TopKMeter {
  static readonly key = 'precision_at_k_list_meter'

  constructor(params: unknown = {}) {
    super(PrecisionAtKListMeter.key, params)
  }

  protected override count(hits: Tensor): { hits: number; of: number } {
    return { hits: hits.sum().item(), of: hits.numel }
  }
}

meters.register(PrecisionAtKListMeter.key, PrecisionAtKListMeter)
