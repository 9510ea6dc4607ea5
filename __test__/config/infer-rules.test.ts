import test from 'ava'
import { composeTree, inferTree, type Tree, type Value } from '../../ts/config/index.ts'
import { getAt } from '../../ts/config/tree.ts'
import { VisslError } from '../../ts/errors.ts'
import { workFolder } from './helpers.ts'

const cwd = workFolder({
  'config/base.yaml': `config:
  DATA: {TRAIN: {BATCHSIZE_PER_REPLICA: 32, TRANSFORMS: [{name: ImgPilToMultiCrop, total_num_crops: 8}]}}
  DISTRIBUTED: {NUM_NODES: 2, NUM_PROC_PER_NODE: 4}
  MODEL: {HEAD: {PARAMS: [[swav_head, {dims: [16, 8], num_clusters: [30, 40]}]]}}
`,
})
const infer = (...overrides: string[]): Tree =>
  inferTree(composeTree({ overrides: ['config=base', ...overrides], cwd, configDirs: [`${cwd}/configs`] }))
const at = (tree: Tree, path: string): Value | undefined => getAt(tree, `config.${path}`.split('.'))
const LR = 'config.OPTIMIZER.param_schedulers.lr'
/** 256 images in a step: the rate is base_value · 256 / base_lr_batch_size. */
const scaled = (schedule: string, scaling = 'base_value:0.1,base_lr_batch_size:128'): Tree =>
  at(
    infer(`++${LR}={auto_lr_scaling:{auto_scale:true,${scaling}},${schedule}}`),
    'OPTIMIZER.param_schedulers.lr',
  ) as Tree
const close = (a: unknown, b: number): boolean => Math.abs(Number(a) - b) < 1e-12

test('each schedule is scaled in its own way', (t) => {
  t.true(close(scaled('name:constant,value:7').value, 0.2))
  t.true(close(scaled('name:linear,start_value:0,end_value:7').end_value, 0.2))
  t.is(scaled('name:linear,start_value:0,end_value:7').start_value, 0)
  t.true(close(scaled('name:inverse_sqrt,start_value:7').start_value, 0.2))
  t.true(close(scaled('name:step_with_fixed_gamma,base_value:7').base_value, 0.2))
  const cosine = scaled('name:cosine_warm_restart,start_value:1,end_value:0.25')
  t.true(close(cosine.start_value, 0.2) && close(cosine.end_value, 0.05))
})

test('steps keep their first ratio only, rounded', (t) => {
  t.deepEqual(scaled('name:multistep,values:[1,0.3,0.2]').values, [0.2, 0.06, 0.018])
  t.deepEqual(scaled('name:step,values:[5]').values, [0.2])
  t.deepEqual(scaled('name:step,values:[3,1]').values, [0.2, 0.0666666])
  // 2⁻⁹ has nine decimals and lies between two numbers of eight: Python's round gives the even one.
  t.deepEqual(
    scaled('name:step,values:[1]', 'base_value:0.0009765625,base_lr_batch_size:128').values,
    [0.00195312],
  )
})

test('square-root scaling', (t) => {
  t.true(close(scaled('name:constant', 'base_value:0.1,base_lr_batch_size:64,scaling_type:sqrt').value, 0.2))
  t.true(
    close(scaled('name:constant', 'base_value:0.1,base_lr_batch_size:64,scaling_type:linear').value, 0.4),
  )
  t.throws(() => scaled('name:constant', 'scaling_type:cube'), {
    instanceOf: VisslError,
    message: /scaling_type/,
  })
})

const WARM = '{name:linear,start_value:9,end_value:9}'
const COSINE = '{name:cosine,start_value:1,end_value:0,update_interval:epoch}'

test('a warm-up starts at the rate of one machine; on one machine it goes', (t) => {
  const two = scaled(`name:composite,schedulers:[${WARM},${COSINE}],lengths:[0.1,0.9]`)
  const [warm, cosine] = two.schedulers as Tree[]
  t.is(two.name, 'composite')
  t.true(close(warm?.start_value, 0.1) && close(warm?.end_value, 0.2) && close(cosine?.start_value, 0.2))
  const one = at(
    infer(
      'config.DISTRIBUTED.NUM_NODES=1',
      `++${LR}={auto_lr_scaling:{auto_scale:true,base_value:0.1,base_lr_batch_size:128},name:composite,update_interval:step,schedulers:[${WARM},${COSINE}],lengths:[0.1,0.9]}`,
    ),
    'OPTIMIZER.param_schedulers.lr',
  ) as Tree
  t.like(one, { name: 'cosine', update_interval: 'epoch', lengths: [0.1, 0.9] })
  t.true(close(one.start_value, 0.1))
  t.is((one.schedulers as Tree[]).length, 1)
})

test('the heads’ schedule follows the trunk’s, or is scaled by itself', (t) => {
  const heads = 'OPTIMIZER.param_schedulers.lr_head'
  const scale = `++${LR}_head={auto_lr_scaling:{auto_scale:true,base_value:1,base_lr_batch_size:256},name:constant,value:5}`
  const same = infer(`++${LR}={name:constant,value:3}`, scale)
  t.deepEqual(at(same, heads), at(same, 'OPTIMIZER.param_schedulers.lr'))
  const own = infer(scale, 'config.OPTIMIZER.head_optimizer_params.use_different_lr=true')
  t.is((at(own, heads) as Tree).value, 1)
})

test('losses take what follows from data and model', (t) => {
  const swav = infer(
    'config.LOSS.name=swav_loss',
    'config.DATA.TRAIN.COLLATE_FUNCTION=multicrop_collator',
    'config.LOSS.swav_loss.queue.queue_length=1000',
  )
  t.like(at(swav, 'LOSS.swav_loss') as Tree, {
    num_prototypes: [30, 40],
    embedding_dim: 8,
    num_crops: 8,
    output_dir: '.',
    queue: { queue_length: 768, local_queue_length: 96, start_iter: 0 },
  })
  const momentum = infer('config.LOSS.name=swav_momentum_loss')
  t.is(at(momentum, 'DATA.TRAIN.COLLATE_FUNCTION'), 'multicrop_collator')
  t.is(at(infer('config.LOSS.name=dino_loss'), 'LOSS.dino_loss.output_dim'), 30)
  const cluster = infer('config.LOSS.name=deepclusterv2_loss', 'config.DATA.TRAIN.DROP_LAST=false')
  t.like(at(cluster, 'LOSS.deepclusterv2_loss') as Tree, {
    DROP_LAST: false,
    BATCHSIZE_PER_REPLICA: 32,
    num_crops: 8,
  })
  const multi = infer('config.LOSS.name=multicrop_simclr_info_nce_loss')
  t.is(at(multi, 'LOSS.multicrop_simclr_info_nce_loss.buffer_params.effective_batch_size'), 256)
  const mine = infer('+config.LOSS.my_simclr_info_nce_loss={t:1}', 'config.LOSS.name=my_simclr_info_nce_loss')
  t.deepEqual(at(mine, 'LOSS.my_simclr_info_nce_loss'), {
    t: 1,
    buffer_params: { world_size: 8, effective_batch_size: 512 },
  })
})

test('evaluated layers name the meters’ parts, all of METERS.names', (t) => {
  const tree = infer(
    '++config.METERS.names=[mean_ap_list_meter]',
    'config.METERS.name=accuracy_list_meter',
    'config.MODEL.FEATURE_EVAL_SETTINGS={EVAL_MODE_ON:true,FREEZE_TRUNK_ONLY:true,LINEAR_EVAL_FEAT_POOL_OPS_MAP:[[res4,[AvgPool2d,[[3,3],1,0]]],[res5,[Identity,[]]]]}',
  )
  t.deepEqual(at(tree, 'METERS.names'), ['mean_ap_list_meter', 'accuracy_list_meter'])
  for (const name of ['mean_ap_list_meter', 'accuracy_list_meter']) {
    t.like(at(tree, `METERS.${name}`) as Tree, { num_meters: 2, meter_names: ['res4', 'res5'] })
  }
})

test('several processes get a head to train when only features are extracted', (t) => {
  const settings =
    'config.MODEL.FEATURE_EVAL_SETTINGS={EVAL_MODE_ON:true,FREEZE_TRUNK_ONLY:true,EXTRACT_TRUNK_FEATURES_ONLY:true}'
  const heads = (...more: string[]) =>
    at(infer(settings, 'config.MODEL.HEAD.PARAMS=[]', ...more), 'MODEL.HEAD.PARAMS')
  t.deepEqual(heads(), [['mlp', { dims: [2048, 1000] }]])
  t.deepEqual(heads('config.DISTRIBUTED.NUM_NODES=1', 'config.DISTRIBUTED.NUM_PROC_PER_NODE=1'), [])
})

test('labels are sample indices without sources of labels, unless they are zero', (t) => {
  t.is(at(infer(), 'DATA.TRAIN.LABEL_TYPE'), 'sample_index')
  t.is(at(infer('config.DATA.TEST.LABEL_SOURCES=[disk_folder]'), 'DATA.TEST.LABEL_TYPE'), 'standard')
  t.is(at(infer('config.DATA.TRAIN.LABEL_TYPE=zero'), 'DATA.TRAIN.LABEL_TYPE'), 'zero')
})

test('ZeRO goes around the optimizer', (t) => {
  const optimizer = at(
    infer('++config.OPTIMIZER.use_zero=true', 'config.OPTIMIZER.name=adamw'),
    'OPTIMIZER',
  ) as Tree
  t.is(optimizer.name, 'zero')
  t.like(optimizer.base_optimizer as Tree, { name: 'adamw', use_larc: false, momentum: 0.9, nesterov: false })
  t.false(
    Object.keys(optimizer.base_optimizer as Tree).some((key) =>
      ['use_zero', 'param_schedulers', 'num_epochs'].includes(key),
    ),
  )
  const sharded = infer('++config.MODEL.SHARDED_DDP_SETUP={USE_SDP:true}')
  t.is(at(sharded, 'TRAINER.TASK_NAME'), 'self_supervision_sdp_task')
  t.is(at(sharded, 'MODEL.AMP_PARAMS.AMP_TYPE'), 'pytorch')
  t.is(at(sharded, 'OPTIMIZER.name'), 'zero')
})
