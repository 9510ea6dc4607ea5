// What `methods.ts` trains: a network and images small enough for two cores, the rest from each method's configuration.

const BATCH = 256
/** Width of the trunk's feature: 8 times BASE_WIDTH. */
const WIDTH = 128

/** How a method of the bench is trained. */
export interface Method {
  readonly config: string
  readonly overrides: readonly string[]
  /** Peak; the configurations with LARC, which takes small steps, need about 1. */
  readonly lr: number
  readonly seeds?: number
  /** Images it is trained on. */
  readonly images?: number
}

const trunk = [
  'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.DEPTH=18',
  `config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.BASE_WIDTH=${WIDTH / 8}`,
  'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.STEM=small_stride2',
]
const NORMALIZE = '{name:ToTensor},{name:Normalize,mean:[0.286,0.286,0.286],std:[0.353,0.353,0.353]}'
const VIEW = '{name:RandomResizedCrop,size:28,scale:[0.2,1.0]},{name:RandomHorizontalFlip,p:0.5}'
const COLOUR = '{name:ImgPilColorDistortion,strength:0.5}'
const transforms = (...list: string[]) => `config.DATA.TRAIN.TRANSFORMS=[${[...list, NORMALIZE].join(',')}]`
const heads = (...list: string[]) => `config.MODEL.HEAD.PARAMS=[${list.join(',')}]`
const mlp = (dims: number[], more = '') => `[mlp,{dims:[${dims.join(',')}]${more}}]`
const normed = (...dims: number[]) => mlp(dims, ',use_bn:true,use_relu:true,skip_last_layer_relu_bn:true')

const two = transforms('{name:ImgReplicatePil,num_times:2}', VIEW, COLOUR)
const crops = transforms(
  '{name:ImgPilToMultiCrop,total_num_crops:4,size_crops:[28,16],num_crops:[2,2],crop_scales:[[0.3,1],[0.1,0.3]]}',
  '{name:RandomHorizontalFlip,p:0.5}',
  COLOUR,
)
const one = transforms(VIEW, COLOUR)
const patches = '{name:Resize,size:51},{name:RandomHorizontalFlip,p:0.5},{name:RandomCrop,size:51}'
const projection = heads(mlp([WIDTH, WIDTH], ',use_relu:true'), mlp([WIDTH, 64]))
const predictor = heads(normed(WIDTH, 256, 64), normed(64, 128, 64))
const labels = 'config.DATA.TRAIN.LABEL_SOURCES=[idx]'
const nce = (...more: string[]) =>
  ['memory_params.embedding_dim=64', 'negative_sampling_params.num_negatives=1024', ...more].map(
    (each) => `config.LOSS.nce_loss_with_memory.${each}`,
  )
const swavHead = heads(
  `[swav_head,{dims:[${WIDTH},${WIDTH},64],use_bn:true,num_clusters:[60],return_embeddings:true}]`,
)

/**
 * Recipes by name: each method's own configuration, made small.
 *
 * @param permutations a file of 100 jigsaw permutations of 9 patches
 */
export const methodsOf = (permutations: string): Readonly<Record<string, Method>> => ({
  supervised: {
    config: 'pretrain/supervised/supervised_1gpu_resnet_example',
    lr: 0.1,
    overrides: [...trunk, labels, transforms(VIEW), heads(mlp([WIDTH, 10]))],
  },
  rotnet: {
    config: 'pretrain/rotnet/rotnet_8gpu_resnet',
    lr: 0.1,
    overrides: [...trunk, transforms('{name:ImgRotatePil}', VIEW), heads(mlp([WIDTH, 4]))],
  },
  jigsaw: {
    config: 'pretrain/jigsaw/jigsaw_8gpu_resnet',
    lr: 0.05,
    images: 6_000,
    overrides: [
      ...trunk,
      `config.DATA.TRAIN.TRANSFORMS=[${patches},${NORMALIZE},{name:ImgPatchesFromTensor,num_patches:9,patch_jitter:3},{name:ShuffleImgPatches,perm_file:${permutations}}]`,
      heads(
        mlp([WIDTH, 64], ',use_bn:true,use_relu:true'),
        '[siamese_concat_view,{num_towers:9}]',
        mlp([9 * 64, 100]),
      ),
    ],
  },
  // With a softmax: few epochs leave `nce` with the Z of a random memory, and its loss climbs.
  npid: {
    config: 'pretrain/npid/npid_8gpu_resnet',
    lr: 0.1,
    overrides: [...trunk, one, heads(mlp([WIDTH, 64])), ...nce('loss_type=cross_entropy', 'temperature=0.1')],
  },
  'npid++': {
    config: 'pretrain/npid/npid++_4nodes_resnet',
    lr: 0.05,
    overrides: [...trunk, one, heads(mlp([WIDTH, 64])), ...nce('loss_type=cross_entropy', 'temperature=0.2')],
  },
  pirl: {
    config: 'pretrain/pirl/pirl_jigsaw_4node_resnet50',
    lr: 0.05,
    images: 6_000,
    overrides: [
      ...trunk,
      transforms(
        '{name:ImgPilToPatchesAndImage,crop_scale_image:[0.2,1.0],crop_size_image:28,crop_scale_patches:[0.6,1.0],crop_size_patches:105,num_patches:9}',
        COLOUR,
        '{name:RandomHorizontalFlip,p:0.5}',
      ),
      `config.MODEL.HEAD.PARAMS=[[${mlp([WIDTH, 64])},[siamese_concat_view,{num_towers:9}],${mlp([576, 64])}],[${mlp([WIDTH, 64])}]]`,
      ...nce('loss_type=cross_entropy', 'temperature=0.2'),
    ],
  },
  simclr: {
    config: 'pretrain/simclr/simclr_8node_resnet',
    lr: 0.05,
    seeds: 3,
    overrides: [
      ...trunk,
      two,
      projection,
      'config.LOSS.simclr_info_nce_loss.buffer_params.embedding_dim=64',
      'config.LOSS.simclr_info_nce_loss.temperature=0.2',
    ],
  },
  'simclr-multicrop': {
    config: 'test/integration_test/quick_simclr_multicrop',
    lr: 1,
    overrides: [
      ...trunk,
      crops,
      projection,
      'config.LOSS.multicrop_simclr_info_nce_loss.buffer_params.embedding_dim=64',
    ],
  },
  moco: {
    config: 'pretrain/moco/moco_1node_resnet',
    lr: 0.05,
    seeds: 3,
    overrides: [
      ...trunk,
      two,
      projection,
      'config.LOSS.moco_loss.embedding_dim=64',
      'config.LOSS.moco_loss.queue_size=4096',
      'config.LOSS.moco_loss.momentum=0.99',
    ],
  },
  'deepcluster-v2': {
    config: 'pretrain/deepcluster_v2/deepclusterv2_2crops_resnet',
    lr: 1,
    overrides: [
      ...trunk,
      transforms(
        '{name:ImgPilToMultiCrop,total_num_crops:2,size_crops:[28],num_crops:[2],crop_scales:[[0.2,1]]}',
        '{name:RandomHorizontalFlip,p:0.5}',
        COLOUR,
      ),
      projection,
      'config.LOSS.deepclusterv2_loss.num_clusters=[60,60]',
      'config.LOSS.deepclusterv2_loss.memory_params.embedding_dim=64',
    ],
  },
  swav: {
    config: 'pretrain/swav/swav_8node_resnet',
    lr: 1,
    seeds: 3,
    overrides: [...trunk, crops, swavHead, 'config.MODEL.TEMP_FROZEN_PARAMS_ITER_MAP=[]'],
  },
  'swav-momentum': {
    config: 'test/integration_test/quick_swav_momentum',
    lr: 1,
    overrides: [...trunk, crops, swavHead, 'config.MODEL.TEMP_FROZEN_PARAMS_ITER_MAP=[]'],
  },
  'barlow-twins': {
    config: 'pretrain/barlow_twins/barlow_twins_1gpu_resnet',
    lr: 1,
    overrides: [
      ...trunk,
      two,
      heads(normed(WIDTH, 256, 256)),
      'config.LOSS.barlow_twins_loss.embedding_dim=256',
    ],
  },
  byol: { config: 'pretrain/byol/byol_1gpu_resnet', lr: 1, overrides: [...trunk, two, predictor] },
  simsiam: {
    config: 'pretrain/simsiam/simsiam_1gpu_resnet',
    lr: 0.05,
    overrides: [...trunk, two, predictor],
  },
  vicreg: {
    config: 'pretrain/vicreg/vicreg_1gpu_resnet',
    lr: 1,
    overrides: [...trunk, two, heads(normed(WIDTH, 256, 256))],
  },
  dino: {
    config: 'pretrain/dino/dino_1gpu_resnet',
    lr: 0.05,
    seeds: 3,
    overrides: [
      ...trunk,
      crops,
      heads(
        `[swav_head,{dims:[${WIDTH},${WIDTH},64],num_clusters:[256],activation_name:GELU,use_weight_norm_prototypes:true,return_embeddings:false}]`,
      ),
      'config.LOSS.dino_loss.output_dim=256',
      'config.LOSS.dino_loss.momentum=0.99',
      'config.LOSS.dino_loss.teacher_temp_warmup_iters=100',
    ],
  },
  mocov3: {
    config: 'pretrain/mocov3/mocov3_1gpu_resnet',
    lr: 1,
    overrides: [...trunk, two, predictor, 'config.LOSS.mocov3_loss.temperature=0.2'],
  },
  nnclr: {
    config: 'pretrain/nnclr/nnclr_1gpu_resnet',
    lr: 0.3,
    overrides: [
      ...trunk,
      two,
      predictor,
      'config.LOSS.nnclr_loss.embedding_dim=64',
      'config.LOSS.nnclr_loss.queue_size=4096',
    ],
  },
  mae: {
    config: 'pretrain/mae/mae_1gpu_vit',
    lr: 0.002,
    overrides: [
      transforms(VIEW),
      'config.MODEL.TRUNK.TRUNK_PARAMS.VISION_TRANSFORMERS={name:null,IMAGE_SIZE:28,PATCH_SIZE:4,NUM_LAYERS:4,NUM_HEADS:4,HIDDEN_DIM:128,MLP_DIM:256}',
      heads('[mae_decoder,{in_dim:128,dim:64,depth:2,heads:4,patch_size:4}]'),
    ],
  },
})

/** A run's size. */
export interface Setting {
  readonly seed: number
  readonly images: number
  readonly epochs: number
  /** Peak of the learning rate. */
  readonly lr: number
  /** Compute threads; 0: as many as cores. */
  readonly threads: number
  /** Images that kNN compares with; a fifth as many are classified. */
  readonly neighbours: number
}

/** The data, the schedule and the measurement that all share. */
export const sharedBy = ({ seed, images, epochs, lr, threads, neighbours }: Setting): string[] => [
  `config.SEED_VALUE=${seed}`,
  'config.TEST_MODEL=false',
  'config.DATA.NUM_DATALOADER_WORKERS=2',
  'config.DATA.TRAIN.DATA_SOURCES=[idx]',
  'config.DATA.TRAIN.DATASET_NAMES=[fashion_mnist]',
  'config.DATA.TRAIN.DATA_PATHS=[]',
  'config.DATA.TRAIN.COPY_DESTINATION_DIR=""',
  `config.DATA.TRAIN.DATA_LIMIT=${images}`,
  `config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=${BATCH}`,
  'config.DATA.TRAIN.DROP_LAST=true',
  'config.DATA.TEST.DATA_SOURCES=[idx]',
  'config.DATA.TEST.LABEL_SOURCES=[]',
  'config.DATA.TEST.DATASET_NAMES=[fashion_mnist]',
  'config.DATA.TEST.DATA_PATHS=[]',
  `config.DATA.TEST.BATCHSIZE_PER_REPLICA=${BATCH}`,
  `config.DATA.TEST.TRANSFORMS=[${NORMALIZE}]`,
  `config.OPTIMIZER.num_epochs=${epochs}`,
  `config.OPTIMIZER.param_schedulers.lr={name:composite,update_interval:step,auto_lr_scaling:{auto_scale:false},interval_scaling:[rescaled,rescaled],lengths:[0.1,0.9],schedulers:[{name:linear,start_value:${lr / 10},end_value:${lr}},{name:cosine,start_value:${lr},end_value:0.0}]}`,
  'config.MODEL.AMP_PARAMS.USE_AMP=false',
  'config.DISTRIBUTED={BACKEND:gloo,NUM_NODES:1,NUM_PROC_PER_NODE:1}',
  `config.MACHINE={DEVICE:cpu,MEMORY_FORMAT:channels_last,THREADS:${threads}}`,
  `config.EVALUATION.KNN={ENABLED:true,TOPK:20,TRAIN_LIMIT:${neighbours},TEST_LIMIT:${Math.ceil(neighbours / 5)}}`,
  'config.CHECKPOINT.DIR=out',
]
