import { composeConfig } from '../../ts/config/index.ts'
import { runTraining } from '../../ts/launch/run.ts'
import type { Hook } from '../../ts/train/hook.ts'

/** A method's own configuration, made small enough to train in a second. */
export interface Method {
  readonly name: string
  /** As on the command line, `config=` first. */
  readonly overrides: readonly string[]
  /** Whether the loss must fall; it need not where targets follow the network. */
  readonly falls: boolean
}

/** Width of the trunk below: 8 times its base width. */
const WIDTH = 32

/** Drawn shapes of side 32, a narrow ResNet-18, two steps an epoch, one thread. */
const common: readonly string[] = [
  'config.SEED_VALUE=0',
  'config.TEST_MODEL=false',
  'config.DATA.NUM_DATALOADER_WORKERS=1',
  'config.DATA.TRAIN.DATA_SOURCES=[shapes]',
  'config.DATA.TRAIN.DATASET_NAMES=[shapes]',
  'config.DATA.TRAIN.DATA_PATHS=[]',
  'config.DATA.TRAIN.DATA_LIMIT=32',
  'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=16',
  'config.OPTIMIZER.num_epochs=15',
  'config.MACHINE.THREADS=1',
  'config.MACHINE.MEMORY_FORMAT=channels_last',
  'config.CHECKPOINT.CHECKPOINT_ITER_FREQUENCY=-1',
  'config.CHECKPOINT.OVERWRITE_EXISTING=false',
  'config.LOG_FREQUENCY=1',
]

const resnet: readonly string[] = [
  'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.DEPTH=18',
  `config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.BASE_WIDTH=${WIDTH / 8}`,
  'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.STEM=small_stride2',
]

const heads = (params: string): string => `config.MODEL.HEAD.PARAMS=${params}`
const transform = (at: number, key: string, value: number | string): string =>
  `config.DATA.TRAIN.TRANSFORMS.${at}.${key}=${value}`

const projection = heads(`[[mlp,{dims:[${WIDTH},${WIDTH}],use_relu:true}],[mlp,{dims:[${WIDTH},16]}]]`)
/** A projection and, last, a predictor. */
const predicting = heads(
  `[[mlp,{dims:[${WIDTH},${WIDTH}],use_bn:true,use_relu:true}],[mlp,{dims:[${WIDTH},16]}],[mlp,{dims:[16,16]}]]`,
)
const twoCrops = [transform(0, 'size_crops', '[24]')]
const manyCrops = [
  transform(0, 'total_num_crops', 4),
  transform(0, 'size_crops', '[24,16]'),
  transform(0, 'num_crops', '[2,2]'),
  transform(0, 'crop_scales', '[[0.5,1],[0.2,0.5]]'),
]
/** Soft: with few images all embeddings are alike at first, and Z is that of a random memory. */
const memory = [
  'config.LOSS.nce_loss_with_memory.memory_params.embedding_dim=16',
  'config.LOSS.nce_loss_with_memory.negative_sampling_params.num_negatives=16',
  'config.LOSS.nce_loss_with_memory.temperature=1',
]
/** Batches of 32, which --fit-machine would make smaller: these fit the machine by themselves. */
const larger = [
  'config.DATA.TRAIN.DATA_LIMIT=64',
  'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=32',
  'config.MACHINE.DEVICE=cpu',
  'config.MODEL.AMP_PARAMS.USE_AMP=false',
  'config.DISTRIBUTED={BACKEND:gloo,NUM_NODES:1,NUM_PROC_PER_NODE:1}',
]
const mild = '++config.DATA.TRAIN.TRANSFORMS.1.scale=[0.7,1]'
const view = [transform(1, 'size', 24), mild]
const labelled = ['config.DATA.TRAIN.LABEL_SOURCES=[shapes]']

const named = (
  name: string,
  config: string,
  { lr, falls = true }: { lr: number; falls?: boolean },
  overrides: readonly string[],
): Method => ({
  name,
  falls,
  overrides: [
    `config=${config}`,
    ...common,
    `config.OPTIMIZER.param_schedulers.lr={name:constant,value:${lr},update_interval:step,auto_lr_scaling:{auto_scale:false}}`,
    ...overrides,
  ],
})

/**
 * The methods.
 *
 * @param permutations a file of 8 jigsaw permutations of 9 patches
 */
export function methodsOf(permutations: string): readonly Method[] {
  return [
    named('supervised', 'pretrain/supervised/supervised_1gpu_resnet_example', { lr: 0.05 }, [
      ...resnet,
      ...labelled,
      transform(0, 'size', 28),
      heads(`[[mlp,{dims:[${WIDTH},10]}]]`),
    ]),
    named('rotnet', 'pretrain/rotnet/rotnet_8gpu_resnet', { lr: 0.02 }, [
      ...resnet,
      transform(1, 'size', 28),
      mild,
      ...larger,
      heads(`[[mlp,{dims:[${WIDTH},4]}]]`),
    ]),
    named('jigsaw', 'pretrain/jigsaw/jigsaw_8gpu_resnet', { lr: 0.05 }, [
      ...resnet,
      transform(0, 'size', 64),
      transform(2, 'size', 63),
      transform(6, 'patch_jitter', 3),
      transform(7, 'perm_file', permutations),
      heads(
        `[[mlp,{dims:[${WIDTH},16],use_bn:true,use_relu:true}],[siamese_concat_view,{num_towers:9}],[mlp,{dims:[144,8]}]]`,
      ),
    ]),
    named('npid', 'pretrain/npid/npid_8gpu_resnet', { lr: 0.05 }, [
      ...resnet,
      transform(1, 'size', 28),
      heads(`[[mlp,{dims:[${WIDTH},16]}]]`),
      ...memory,
    ]),
    named('npid++', 'pretrain/npid/npid++_4nodes_resnet', { lr: 0.05 }, [
      ...resnet,
      transform(1, 'size', 28),
      heads(`[[mlp,{dims:[${WIDTH},16]}]]`),
      ...memory,
    ]),
    named('pirl', 'pretrain/pirl/pirl_jigsaw_4node_resnet50', { lr: 0.05 }, [
      ...resnet,
      transform(0, 'crop_size_image', 28),
      transform(0, 'crop_size_patches', 99),
      heads(
        `[[[mlp,{dims:[${WIDTH},16]}],[siamese_concat_view,{num_towers:9}],[mlp,{dims:[144,16]}]],[[mlp,{dims:[${WIDTH},16]}]]]`,
      ),
      ...memory,
      'config.LOSS.nce_loss_with_memory.loss_type=cross_entropy',
      'config.LOSS.nce_loss_with_memory.temperature=0.1',
    ]),
    named('simclr', 'pretrain/simclr/simclr_8node_resnet', { lr: 0.3 }, [
      ...resnet,
      ...view,
      projection,
      'config.LOSS.simclr_info_nce_loss.buffer_params.embedding_dim=16',
    ]),
    named('simclr multicrop', 'test/integration_test/quick_simclr_multicrop', { lr: 0.3 }, [
      ...resnet,
      ...manyCrops,
      projection,
      'config.LOSS.multicrop_simclr_info_nce_loss.buffer_params.embedding_dim=16',
    ]),
    named('moco', 'pretrain/moco/moco_1node_resnet', { lr: 0.1, falls: false }, [
      ...resnet,
      ...view,
      projection,
      'config.LOSS.moco_loss.embedding_dim=16',
      'config.LOSS.moco_loss.queue_size=32',
    ]),
    named(
      'deepcluster v2',
      'pretrain/deepcluster_v2/deepclusterv2_2crops_resnet',
      { lr: 0.1, falls: false },
      [
        ...resnet,
        ...twoCrops,
        projection,
        'config.LOSS.deepclusterv2_loss.num_clusters=[8,8]',
        'config.LOSS.deepclusterv2_loss.memory_params.embedding_dim=16',
      ],
    ),
    named('swav', 'pretrain/swav/swav_8node_resnet', { lr: 0.8 }, [
      ...resnet,
      ...manyCrops,
      heads(`[[swav_head,{dims:[${WIDTH},${WIDTH},16],use_bn:true,num_clusters:[12]}]]`),
      'config.LOSS.swav_loss.queue.queue_length=32',
      'config.LOSS.swav_loss.queue.start_iter=2',
    ]),
    named('swav momentum', 'test/integration_test/quick_swav_momentum', { lr: 0.8 }, [
      ...resnet,
      ...manyCrops,
      heads(`[[swav_head,{dims:[${WIDTH},${WIDTH},16],use_bn:true,num_clusters:[12]}]]`),
    ]),
    named('barlow twins', 'pretrain/barlow_twins/barlow_twins_1gpu_resnet', { lr: 0.8 }, [
      ...resnet,
      ...view,
      projection,
      ...larger,
      'config.LOSS.barlow_twins_loss.embedding_dim=16',
    ]),
    named('byol', 'pretrain/byol/byol_1gpu_resnet', { lr: 0.4 }, [...resnet, ...view, predicting]),
    named('simsiam', 'pretrain/simsiam/simsiam_1gpu_resnet', { lr: 0.2 }, [...resnet, ...view, predicting]),
    named('vicreg', 'pretrain/vicreg/vicreg_1gpu_resnet', { lr: 0.8 }, [...resnet, ...view, projection]),
    named('dino', 'pretrain/dino/dino_1gpu_resnet', { lr: 0.1, falls: false }, [
      ...resnet,
      ...manyCrops,
      heads(
        `[[swav_head,{dims:[${WIDTH},${WIDTH},16],num_clusters:[12],activation_name:GELU,use_weight_norm_prototypes:true,return_embeddings:false}]]`,
      ),
      'config.LOSS.dino_loss.output_dim=12',
    ]),
    named('moco v3', 'pretrain/mocov3/mocov3_1gpu_resnet', { lr: 0.4 }, [
      ...resnet,
      ...view,
      predicting,
      'config.LOSS.mocov3_loss.temperature=0.2',
    ]),
    named('nnclr', 'pretrain/nnclr/nnclr_1gpu_resnet', { lr: 0.8 }, [
      ...resnet,
      ...view,
      predicting,
      'config.LOSS.nnclr_loss.embedding_dim=16',
      'config.LOSS.nnclr_loss.queue_size=32',
    ]),
    named('mae', 'pretrain/mae/mae_1gpu_vit', { lr: 0.02 }, [
      transform(0, 'size', 24),
      'config.MODEL.TRUNK.TRUNK_PARAMS.VISION_TRANSFORMERS={name:null,IMAGE_SIZE:24,PATCH_SIZE:4,NUM_LAYERS:2,NUM_HEADS:2,HIDDEN_DIM:32,MLP_DIM:64}',
      heads('[[mae_decoder,{in_dim:32,dim:16,depth:1,heads:2,patch_size:4}]]'),
    ]),
  ]
}

/** Runs a method in `cwd`, or goes on with it; the run's folder is `NAME`. */
export async function runMethod(
  cwd: string,
  { overrides }: Method,
  { name, hooks = [], more = [] }: { name: string; hooks?: readonly Hook[]; more?: readonly string[] },
): Promise<void> {
  const all = [...overrides, `config.CHECKPOINT.DIR=${name}`, ...more]
  const { config, origins } = composeConfig({ overrides: all, cwd })
  await runTraining({
    config,
    origins,
    name,
    folder: undefined,
    resume: undefined,
    dryRun: false,
    fitMachine: true,
    commandLine: ['vissl', 'train', ...all],
    cwd,
    output: { write: () => true },
    hooks,
  })
}
