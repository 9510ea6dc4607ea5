import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import test from 'ava'
import { composeTree, packageConfigs } from '../../ts/config/index.ts'
import { VisslError } from '../../ts/errors.ts'

interface Command {
  line: number
  tool: string
  argv: string[]
}

const commands = JSON.parse(
  readFileSync(new URL('../golden/config-docs/commands.json', import.meta.url), 'utf8'),
) as Command[]

/** Files that the documentation has its reader write. */
const readersOwn = [
  'pretrain/my_new_approach/my_approach_config_file',
  'pretrain/swav/optimization/my_new_optimization',
  'pretrain/swav/my_new_dataset/my_new_dataset_file_name',
]

/** Command lines that do not work in VISSL either: line of the documentation → what the error must say. */
const wrong: Readonly<Record<number, RegExp>> = {
  // "inear_image_classification": the first letter is missing.
  2301: /did you mean .*benchmark\/linear_image_classification\/imagenet1k\/eval_resnet_8gpu_transfer_in1k_linear/,
  2311: /did you mean .*benchmark\/linear_image_classification\/places205\/eval_resnet_8gpu_transfer_places205_linear/,
  2320: /did you mean .*benchmark\/linear_image_classification\/inaturalist18\/eval_resnet_8gpu_transfer_inaturalist18_linear/,
  2331: /did you mean .*benchmark\/linear_image_classification\/voc07\/eval_resnet_8gpu_transfer_voc07_svm/,
}

function reader(): string {
  const cwd = mkdtempSync(join(tmpdir(), 'vissl-documentation-'))
  for (const name of readersOwn) {
    const file = join(cwd, 'configs/config', `${name}.yaml`)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, '# @package _global_\nconfig:\n  SEED_VALUE: 7\n')
  }
  return cwd
}

test('every command line of the documentation composes, or says what is wrong with it', (t) => {
  const cwd = reader()
  for (const { line, tool, argv } of commands) {
    if (tool === 'object_detection_benchmark.py') continue
    try {
      const { checked } = composeTree({ overrides: argv, cwd })
      t.true(checked.ok, checked.ok ? '' : `line ${line}: ${checked.mistakes[0]?.message}`)
      t.false(line in wrong, `line ${line} composes`)
    } catch (error) {
      if (!(error instanceof VisslError)) throw error
      const said = `${error.message}\n${error.fix}`
      t.regex(said, wrong[line] ?? /^$/, `line ${line}: ${said}`)
    }
  }
})

test('values of the documentation arrive', (t) => {
  const cwd = reader()
  const tree = (line: number) =>
    composeTree({ overrides: commands.find((command) => command.line === line)!.argv, cwd }).tree
  t.like(tree(267), {
    config: {
      DATA: { TRAIN: { DATA_PATHS: ['/path/to/my/imagenet/folder/train'], DATA_SOURCES: ['disk_folder'] } },
      CHECKPOINT: { DIR: './checkpoints' },
      TENSORBOARD_SETUP: { USE_TENSORBOARD: true },
    },
  })
  t.like(tree(367), {
    config: { MY_NEW_KEY: 'MY_VALUE', LOSS: { simclr_info_nce_loss: { MY_NEW_KEY: 'MY_VALUE' } } },
  })
  t.like(tree(2053), {
    config: {
      MODEL: {
        TRUNK: {
          NAME: 'regnet',
          TRUNK_PARAMS: { REGNET: { depth: 27, w_0: 640, w_a: 230.83, w_m: 2.53, group_width: 373 } },
        },
        HEAD: {
          PARAMS: [['swav_head', { dims: [10444, 10444, 128], use_bn: false, num_clusters: [3000] }]],
        },
      },
    },
  })
})

test('the files that the documentation gives to Detectron2 are there', (t) => {
  const tools = resolve(packageConfigs, '../tools')
  for (const { line, argv } of commands.filter(
    (command) => command.tool === 'object_detection_benchmark.py',
  )) {
    const file = resolve(tools, argv[argv.indexOf('--config-file') + 1]!)
    // The last one leaves out a folder, R50_C4_COCO/.
    t.is(existsSync(file), line !== 2648, `line ${line}`)
  }
})

test('the command lines of the model zoo compose', (t) => {
  const zoo = JSON.parse(
    readFileSync(new URL('../golden/config-docs/zoo.json', import.meta.url), 'utf8'),
  ) as Record<string, string[]>
  for (const [model, overrides] of Object.entries(zoo)) {
    const compose = () => composeTree({ overrides, cwd: packageConfigs })
    // The overlay's folder is written without imagenet1k/.
    if (model === 'alexnet_bvlc_in1k')
      t.throws(compose, { message: /benchmark\/linear_image_classification\/models/ })
    else t.true(compose().checked.ok, model)
  }
})
