import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { run } from '../../ts/cli/run.ts'
import { listOptions, packageConfigs } from '../../ts/config/index.ts'
import { ExitCode } from '../../ts/errors.ts'
import { png } from '../launch/_images.ts'
import { Capture } from '../logging/output.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-folder-methods-'))
process.env.VISSL_CACHE = join(cwd, 'cache')
test.after.always(() => rmSync(cwd, { recursive: true, force: true }))
for (const name of ['cats', 'dogs', 'flat']) {
  mkdirSync(join(cwd, 'photos', name), { recursive: true })
  for (let i = 0; i < 20; i++) writeFileSync(join(cwd, 'photos', name, `${i}.png`), png(40, i))
}

async function train(...args: string[]) {
  const [stdout, stderr] = [new Capture(), new Capture()]
  const code = await run(['train', ...args], { stdout, stderr, cwd, env: {} })
  return { code, out: stdout.text, err: stderr.text }
}

const methods = listOptions('config/folder', [packageConfigs])

for (const method of methods) {
  test.serial(`--method ${method} fits a folder of images`, async (t) => {
    const { code, out, err } = await train('./photos', '--method', method, '--dry-run')
    t.is(code, ExitCode.ok, err)
    t.regex(out, /60 images found in 3 sub-folders/)
    t.regex(out, /chosen: \w+, (resnet-18|vision_transformer), crops 40.*batch 16, 200 epochs/)
  })
}

test.serial('what follows from the images is chosen, what is given stays', async (t) => {
  const { out: dino } = await train('./photos', '--method', 'dino', '--dry-run')
  t.regex(dino, /crops 40 and 20, prototypes 6 /)
  const { out: clusters } = await train('./photos', '--method', 'DeepCluster-v2', '--dry-run')
  t.regex(clusters, /clusters 6, 6, 6 /)
  const { out: moco } = await train('./photos', '--method', 'moco', '--dry-run')
  t.regex(moco, /queue 16 /)
  const given = 'config.LOSS.moco_loss.queue_size=64'
  const { out } = await train('./photos', '--method', 'moco', '--dry-run', given)
  t.notRegex(out, /queue 16 /)
})

test.serial('RotNet trains on images without labels: its transform makes them', async (t) => {
  const narrow = 'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.BASE_WIDTH=4'
  const head = 'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[32,4]}]]'
  const args = ['--method', 'rotnet', narrow, head, 'config.OPTIMIZER.num_epochs=1']
  const { code, out, err } = await train('./photos/flat', ...args)
  t.is(code, ExitCode.ok, err)
  t.regex(out, /plan {5}1 epoch of 2 steps[\s\S]*done in/)
})

test.serial('Jigsaw makes its permutations, once, and an output for each', async (t) => {
  const args = ['--method', 'jigsaw', 'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.BASE_WIDTH=4']
  const heads = '[[mlp,{dims:[32,16]}],[siamese_concat_view,{num_towers:9}],[mlp,{dims:[144,24]}]]'
  const fewer = 'config.DATA.TRAIN.TRANSFORMS.6.num_permutations=24'
  const { out: dry } = await train('./photos/flat', ...args, fewer, '--dry-run')
  t.regex(dry, /crops 40, permutations 24 /)
  const file = join(cwd, 'cache/permutations/hamming_perms_24_patches_9_max_avg.npy')
  const { mtimeMs } = statSync(file)
  const short = [`config.MODEL.HEAD.PARAMS=${heads}`, 'config.OPTIMIZER.num_epochs=1']
  const { code, out, err } = await train('./photos/flat', ...args, fewer, ...short)
  t.is(code, ExitCode.ok, err)
  t.regex(out, /plan {5}1 epoch of 2 steps[\s\S]*done in/)
  t.is(statSync(file).mtimeMs, mtimeMs)
  const both = await train(
    './photos',
    ...args,
    '+config.DATA.TRAIN.TRANSFORMS.6.perm_file=x.npy',
    '--dry-run',
  )
  t.is(both.code, ExitCode.usage)
  t.regex(both.err, /TRANSFORMS\.6\.num_permutations is 100, and there is a perm_file/)
})

test.serial('mistakes say what to do', async (t) => {
  const unknown = await train('./photos', '--method', 'simclear')
  t.is(unknown.code, ExitCode.usage)
  t.regex(unknown.err, /did you mean simclr\?[\s\S]*known: barlow_twins, byol/)
  const without = await train('--method', 'dino')
  t.is(without.code, ExitCode.usage)
  t.regex(without.err, /needs a folder/)
  const unlabelled = await train('./photos/flat', '--method', 'supervised', '--dry-run')
  t.is(unlabelled.code, ExitCode.data)
  t.regex(unlabelled.err, /two or more sub-folders/)
})
