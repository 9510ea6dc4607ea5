import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { run } from '../../ts/cli/run.ts'
import { ExitCode } from '../../ts/errors.ts'
import { Capture } from '../logging/output.ts'
import { jpeg, png } from './_images.ts'

const folders: string[] = []
test.after.always(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A folder with `photos/` in it that holds these files. */
function withPhotos(files: Record<string, Buffer | string>): string {
  const cwd = mkdtempSync(join(tmpdir(), 'vissl-folder-'))
  folders.push(cwd)
  for (const [name, content] of Object.entries(files)) {
    const path = join(cwd, 'photos', name)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, content)
  }
  return cwd
}

const pngs = (count: number, side: number, prefix = ''): Record<string, Buffer> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}.png`, png(side, i)]))

async function train(cwd: string, ...args: string[]) {
  const [stdout, stderr] = [new Capture(), new Capture()]
  const narrow = 'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.BASE_WIDTH=4'
  const head = 'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[32,128]}]]'
  const code = await run(['train', './photos', narrow, head, ...args], { stdout, stderr, cwd, env: {} })
  return { code, out: stdout.text, err: stderr.text }
}

test.serial('a dry run says what was found, chosen and how long it takes, and writes nothing', async (t) => {
  const cwd = withPhotos(pngs(20, 24))
  const { code, out, err } = await train(cwd, '--dry-run')
  t.is(code, ExitCode.ok, err)
  t.regex(out, /20 images found\n/)
  t.regex(
    out,
    /chosen: simclr_info_nce_loss, resnet-18, crops 24 \(images are about 24 wide\), batch 8, 200 epochs/,
  )
  t.regex(out, /data {5}photos, 20 images/)
  t.regex(out, /plan {5}200 epochs of 2 steps/)
  t.regex(out, /dry run: the first step works; 200 phases and 400 steps would follow; nothing was written/)
  t.deepEqual(readdirSync(cwd), ['photos'])
})

test.serial('choices follow the images, what is given stays', async (t) => {
  const large = await train(withPhotos(pngs(6, 200)), '--dry-run')
  t.regex(large.out, /crops 96 \(images are about 200 wide\), batch 2,/)
  const given = await train(
    withPhotos(pngs(8, 24)),
    '--dry-run',
    'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=4',
    'config.DATA.TRAIN.TRANSFORMS.1.size=32',
    'config.OPTIMIZER.num_epochs=3',
  )
  t.regex(given.out, /crops 32 .*batch 4, 3 epochs;/)
  t.regex(given.out, /plan {5}3 epochs of 2 steps/)
})

test.serial('sub-folders are classes; skipped files are listed with their reasons', async (t) => {
  const cwd = withPhotos({
    ...pngs(6, 20, 'cats/'),
    ...pngs(6, 20, 'dogs/'),
    'dogs/one.jpg': jpeg,
    'cats/notes.txt': 'text',
    'dogs/empty.png': '',
  })
  const { code, out, err } = await train(cwd, 'config.OPTIMIZER.num_epochs=1')
  t.is(code, ExitCode.ok, err)
  t.regex(
    out,
    /13 images found in 2 sub-folders \(2 files skipped, the first: .*cats\/notes\.txt, not an image\)/,
  )
  t.regex(out, /2 files skipped: see .*runs\/photos-1\/skipped\.txt/)
  t.is(
    readFileSync(join(cwd, 'runs/photos-1/skipped.txt'), 'utf8').replaceAll(`${cwd}/`, ''),
    'photos/cats/notes.txt\tnot an image\nphotos/dogs/empty.png\ttruncated: the file is empty\n',
  )
  t.true(existsSync(join(cwd, 'runs/photos-1/checkpoints/model_final_checkpoint_phase0.torch')))
})

test.serial('a broken image does not count when sizes are looked at', async (t) => {
  const { code, out } = await train(withPhotos({ ...pngs(24, 28), 'a.jpg': 'x', 'b.jpg': 'y' }), '--dry-run')
  t.is(code, ExitCode.ok)
  t.regex(out, /images are about 28 wide/)
})

test.serial('no list without skipped files', async (t) => {
  const cwd = withPhotos(pngs(4, 20))
  t.is((await train(cwd, 'config.OPTIMIZER.num_epochs=1')).code, ExitCode.ok)
  t.false(existsSync(join(cwd, 'runs/photos-1/skipped.txt')))
})

test.serial('too few images, and kNN without classes', async (t) => {
  const few = await train(withPhotos(pngs(3, 20)))
  t.is(few.code, ExitCode.data)
  t.regex(
    few.err,
    /3 images of .*photos are too few to learn from\n {2}fix: give a folder with at least 4 images/,
  )
  const knn = await train(withPhotos(pngs(4, 20)), 'config.EVALUATION.KNN.ENABLED=true')
  t.is(knn.code, ExitCode.usage)
  t.regex(knn.err, /kNN accuracy cannot be measured/)
})
