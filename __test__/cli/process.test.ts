import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { checkFileDigest, loadTorchFile } from '../../ts/checkpoint/torch-file.ts'
import { ExitCode } from '../../ts/errors.ts'
import { jpeg, png } from '../launch/_images.ts'
import { Child, lossesOf, nodeArguments, scratch, trainTiny, vissl } from './_process.ts'

/** Many more epochs than a test waits for. */
const ENDLESS = 'config.OPTIMIZER.num_epochs=100000'
const RUN = 'runs/quickstart-1'

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
}

/** Every checkpoint is whole, and nothing else lies about. */
function assertTidy(t: ExecutionContext, cwd: string, run: string = RUN): void {
  const names = filesBelow(join(cwd, run))
  t.deepEqual(
    names.filter((name) => /\.tmp|\.part|partial|\/\.|^\./.test(name)),
    [],
  )
  for (const name of names.filter((name) => /model_.*\.torch$/.test(name))) {
    t.true(checkFileDigest(join(cwd, run, name)), name)
    t.notThrows(() => loadTorchFile(join(cwd, run, name)))
  }
}

test.serial(
  'Ctrl-C saves, says how to go on, and the resumed run has the losses of a whole one',
  async (t) => {
    const epochs = 'config.OPTIMIZER.num_epochs=40'
    const [whole, cut] = [scratch(t), scratch(t)]
    t.is((await trainTiny(whole, [epochs]).ended).code, ExitCode.ok)

    const child = trainTiny(cut, [epochs])
    await child.printed(/iter: 2;/)
    child.kill('SIGINT')
    const { code, out, err } = await child.ended
    t.is(code, ExitCode.interrupted)
    t.regex(out, /stopping after this step; press Ctrl-C again to leave at once/)
    const saved = /stopped by Ctrl-C at step (\d+); saved (\S+)/.exec(err)!
    t.truthy(saved, err)
    t.true(err.includes(`continue with: the same command and --resume ${saved[2]}`), err)
    t.regex(saved[2]!, new RegExp(`/model_(iteration${saved[1]}|phase\\d+)\\.torch$`))
    assertTidy(t, cut)
    const info = JSON.parse(readFileSync(join(cut, RUN, 'run.json'), 'utf8')) as { exitCode: number }
    t.is(info.exitCode, ExitCode.interrupted)
    t.is(lossesOf(join(cut, RUN)).size, Number(saved[1]))

    const link = join(cut, RUN, 'checkpoints/checkpoint.torch')
    t.is(realpathSync(link), saved[2])
    const resumed = await trainTiny(cut, [epochs, '--resume', link]).ended
    t.is(resumed.code, ExitCode.ok, resumed.err)
    t.true(resumed.out.includes(`at step ${saved[1]}`))
    t.deepEqual(lossesOf(join(cut, RUN)), lossesOf(join(whole, RUN)))
    t.deepEqual(readdirSync(join(cut, 'runs')), ['quickstart-1'])
    assertTidy(t, cut)
  },
)

test.serial('SIGTERM saves and exits with 143', async (t) => {
  const cwd = scratch(t)
  const child = trainTiny(cwd, [ENDLESS])
  await child.printed(/iter: 1;/)
  child.kill('SIGTERM')
  const { code, err } = await child.ended
  t.is(code, ExitCode.terminated)
  t.regex(err, /stopped by SIGTERM at step \d+; saved .*model_(iteration|phase)\d+\.torch/)
  assertTidy(t, cwd)
})

test.serial('a reader that goes away stops the run, which saves first', async (t) => {
  const cwd = scratch(t)
  const { code, err } = await trainTiny(cwd, [ENDLESS], {
    shell: 'set -o pipefail; "$@" | sed "/iter: 2;/q"',
  }).ended
  t.is(code, ExitCode.terminated, err)
  t.regex(err, /stopped: the reader of the output is gone at step \d+; saved .*\.torch/)
  assertTidy(t, cwd)
})

test.serial('Ctrl-C during the kNN measurement before training', async (t) => {
  const cwd = scratch(t)
  const child = trainTiny(cwd, [ENDLESS, 'config.EVALUATION.KNN.ENABLED=true'])
  await child.printed(/plan /)
  child.kill('SIGINT')
  const { code, err } = await child.ended
  t.is(code, ExitCode.interrupted, err)
  t.regex(err, /stopped by Ctrl-C at step 0; there was nothing to save/)
  assertTidy(t, cwd)
})

test.serial('a second Ctrl-C leaves at once', async (t) => {
  const driver = fileURLToPath(new URL('./_stop-driver.ts', import.meta.url))
  const child = new Child(process.execPath, nodeArguments(driver), scratch(t))
  await child.printed(/training/)
  child.kill('SIGINT')
  await child.printed(/stuck/)
  child.kill('SIGINT')
  t.is((await child.ended).code, ExitCode.interrupted)
})

test.serial('a folder that cannot be written', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'file'), '')
  const { code, err } = await trainTiny(cwd, ['config.CHECKPOINT.DIR=file/run']).ended
  t.is(code, ExitCode.environment)
  t.regex(err, /cannot make the folder .*file\/run: a part of the path is a file\n {2}fix: choose another/)
  t.deepEqual(readdirSync(cwd), ['file'])
})

test.serial('no room for a checkpoint: the old ones stay, nothing is half-written', async (t) => {
  const cwd = scratch(t)
  const first = trainTiny(cwd, [ENDLESS])
  await first.printed(/iter: 2;/)
  first.kill('SIGINT')
  t.is((await first.ended).code, ExitCode.interrupted)
  const checkpoints = join(cwd, RUN, 'checkpoints')
  const before = filesBelow(checkpoints)

  const frequent = ['--resume', 'config.CHECKPOINT.CHECKPOINT_ITER_FREQUENCY=1', ENDLESS]
  const { code, err } = await trainTiny(cwd, frequent, { shell: 'ulimit -f 256 && exec "$@"' }).ended
  t.is(code, ExitCode.environment, err)
  t.regex(err, /cannot write .*model_iteration\d+\.torch: .*too large/i)
  t.regex(err, /fix: raise the file size limit/)
  t.deepEqual(filesBelow(checkpoints), before)
  assertTidy(t, cwd)
})

test.serial('a full disk is named as such', async (t) => {
  const cwd = scratch(t)
  mkdirSync(join(cwd, 'disk'))
  const mount = 'mount -t tmpfs -o size=600k tmpfs disk'
  if (spawnSync('unshare', ['-rm', 'sh', '-c', mount], { cwd }).status !== 0) {
    t.log('this machine mounts no file systems for its users; the limit on file sizes stands for it')
    t.pass()
    return
  }
  const child = trainTiny(cwd, [ENDLESS, 'config.CHECKPOINT.DIR=disk'], {
    shell: `${mount} && { "$@"; code=$?; ls -A disk; exit $code; }`,
    shellCommand: ['unshare', '-rm', 'sh'],
  })
  const { code, out, err } = await child.ended
  t.is(code, ExitCode.environment, err)
  t.regex(err, /cannot write .*\/disk\/.*: (the disk is full|No space left)/)
  t.regex(err, /fix: .*free/)
  t.regex(out, /model_phase0\.torch\n/)
  t.notRegex(out, /tmp|partial/)
})

test.serial('a corrupt checkpoint', async (t) => {
  const cwd = scratch(t)
  writeFileSync(join(cwd, 'bad.torch'), 'not a checkpoint')
  const { code, err } = await trainTiny(cwd, ['--resume', 'bad.torch']).ended
  t.is(code, ExitCode.data)
  t.true(err.includes('bad.torch') && err.includes('  fix: '), err)
})

test.serial('mistakes of the command line', async (t) => {
  const cwd = scratch(t)
  const option = await trainTiny(cwd, ['--resme']).ended
  t.is(option.code, ExitCode.usage)
  t.regex(option.err, /unknown option --resme\n {2}fix: did you mean {2}--resume/)
  const key = await trainTiny(cwd, ['config.OPTIMIZER.num_epoch=3']).ended
  t.is(key.code, ExitCode.usage)
  t.regex(key.err, /did you mean {2}config\.OPTIMIZER\.num_epochs/)
  t.deepEqual(readdirSync(cwd), [])
})

test.serial('data folders that are missing, empty, or hold only broken images', async (t) => {
  const cwd = scratch(t)
  const missing = await vissl(cwd, ['train', './photos']).ended
  t.is(missing.code, ExitCode.data)
  t.regex(missing.err, /there is no folder \.\/photos/)

  mkdirSync(join(cwd, 'empty'))
  const empty = await vissl(cwd, ['train', './empty']).ended
  t.is(empty.code, ExitCode.data)
  t.regex(empty.err, /empty: holds no image/)

  mkdirSync(join(cwd, 'broken'))
  for (let i = 0; i < 5; i++) writeFileSync(join(cwd, `broken/${i}.jpg`), 'text')
  const broken = await vissl(cwd, ['train', './broken']).ended
  t.is(broken.code, ExitCode.data)
  t.regex(broken.err, /none of the 5 files that were tried can be decoded:/)
  for (let i = 0; i < 5; i++) t.true(broken.err.includes(`broken/${i}.jpg: not an image`), broken.err)
  t.deepEqual(readdirSync(cwd).sort(), ['broken', 'empty'])
})

test.serial('a truncated JPEG and a text named .jpg are counted, named, and trained around', async (t) => {
  const cwd = scratch(t)
  mkdirSync(join(cwd, 'photos'))
  for (let i = 0; i < 30; i++) writeFileSync(join(cwd, `photos/${i}.png`), png(20, i))
  writeFileSync(join(cwd, 'photos/cut.jpg'), jpeg.subarray(0, jpeg.length - 40))
  writeFileSync(join(cwd, 'photos/text.jpg'), 'no image at all')
  writeFileSync(join(cwd, 'photos/notes.txt'), 'no image either')
  const small = [
    'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.BASE_WIDTH=4',
    'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[32,128]}]]',
    'config.OPTIMIZER.num_epochs=1',
    'config.MACHINE.MEMORY_FORMAT=channels_last',
    // Every image is seen: without this the last, incomplete batch may hold the broken ones.
    'config.DATA.TRAIN.DROP_LAST=false',
  ]
  const { code, out, err } = await vissl(cwd, ['train', './photos', ...small]).ended
  t.is(code, ExitCode.ok, err)
  t.regex(out, /2 files could not be decoded, gray images stood in; all are in .*skipped\.txt/)
  t.true(out.includes('photos/cut.jpg: truncated') && out.includes('photos/text.jpg: not an image'), out)
  const rows = readFileSync(join(cwd, 'runs/photos-1/skipped.txt'), 'utf8').trim().split('\n')
  t.deepEqual(
    rows.map((row) => row.split('\t').map((part) => part.replace(`${cwd}/`, ''))),
    [
      ['photos/notes.txt', 'not an image'],
      ['photos/cut.jpg', 'truncated'],
      ['photos/text.jpg', 'not an image'],
    ],
  )
})

test.serial('what needs no tensors works without libtorch; training says how to get it', async (t) => {
  const cwd = scratch(t)
  const env = { VISSL_LIBTORCH_RECORD: join(cwd, 'absent.json') }
  for (const args of [
    ['--help'],
    ['--version'],
    ['train', '--help'],
    ['config', 'show', 'config=quickstart'],
  ])
    t.is((await vissl(cwd, args, { env }).ended).code, ExitCode.ok, args.join(' '))
  const { code, err } = await trainTiny(cwd, [], { env }).ended
  t.is(code, ExitCode.environment)
  t.regex(err, /libtorch is not set up yet: there is no .*absent\.json\n {2}fix: .*npm run setup/)
  t.deepEqual(readdirSync(cwd), [])
})
