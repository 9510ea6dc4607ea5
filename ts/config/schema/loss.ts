import { openGroup, text } from './fields.ts'
import * as params from './losses/index.ts'

/** `LOSS`: which loss, and a block of parameters for each loss. */
export const lossSchema = openGroup(
  {
    name: text('CrossEntropyLoss', 'name of a registered loss'),
    CrossEntropyLoss: params.crossEntropyParams,
    cross_entropy_multiple_output_single_target: params.multipleCrossEntropyParams,
    bce_logits_multiple_output_single_target: params.multipleBceParams,
    nce_loss_with_memory: params.nceParams,
    simclr_info_nce_loss: params.simclrParams,
    multicrop_simclr_info_nce_loss: params.multicropSimclrParams,
    swav_loss: params.swavParams,
    swav_momentum_loss: params.swavMomentumParams,
    deepclusterv2_loss: params.deepClusterParams,
    moco_loss: params.mocoParams,
    barlow_twins_loss: params.barlowTwinsParams,
    dino_loss: params.dinoParams,
    byol_loss: params.byolParams,
    simsiam_loss: params.simsiamParams,
    vicreg_loss: params.vicregParams,
    nnclr_loss: params.nnclrParams,
    mocov3_loss: params.mocov3Params,
    mae_loss: params.maeParams,
  },
  'the loss and the parameters of each loss',
)
