import type { Facts } from './facts.ts'
import { isTree, type Tree } from './tree.ts'

/** What the optimizer inside ZeRO does not get. */
const OUTER = [
  'param_schedulers',
  'regularize_bn',
  'regularize_bias',
  'num_epochs',
  'use_zero',
  'head_optimizer_params',
  'base_optimizer',
]

/** Sharded training and ZeRO, as VISSL 0.1.6 sets them up. */
export function inferSharding(facts: Facts): void {
  const sharded = facts.get('MODEL.SHARDED_DDP_SETUP')
  if (isTree(sharded) && facts.flag('MODEL.SHARDED_DDP_SETUP.USE_SDP')) {
    const rule = 'sharded training: MODEL.SHARDED_DDP_SETUP.USE_SDP'
    facts.put('OPTIMIZER.use_zero', true, rule)
    facts.put('TRAINER.TASK_NAME', 'self_supervision_sdp_task', rule)
    facts.put('MODEL.AMP_PARAMS.AMP_TYPE', 'pytorch', rule)
  }
  const optimizer: Tree = facts.map('OPTIMIZER')
  if (optimizer.use_zero === undefined || !facts.flag('OPTIMIZER.use_zero')) return
  const rule = 'OPTIMIZER.use_zero: ZeRO around the optimizer'
  const inner = Object.entries(optimizer).filter(([key]) => !OUTER.includes(key))
  facts.put('OPTIMIZER.base_optimizer', Object.fromEntries(inner), rule)
  facts.put('OPTIMIZER.name', 'zero', rule)
}
