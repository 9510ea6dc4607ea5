import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { run } from '../../ts/cli/run.ts'
import { writeIntegers } from '../../ts/data/dataset-builders/npy.ts'
import { ExitCode } from '../../ts/errors.ts'
import { Capture } from '../logging/output.ts'
import { png } from './_images.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-fetch-files-'))
process.env.VISSL_CACHE = join(cwd, 'cache')
mkdirSync(join(cwd, 'photos'))
for (let i = 0; i < 8; i++) writeFileSync(join(cwd, 'photos', `${i}.png`), png(24, i))

const server = createServer((request, response) => {
  response.end(readFileSync(join(cwd, request.url!)))
})
let home = ''
test.before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  home = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
test.after.always(() => {
  server.close()
  rmSync(cwd, { recursive: true, force: true })
})

const small = [
  'config.MACHINE.MEMORY_FORMAT=channels_last',
  'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.BASE_WIDTH=4',
  'config.OPTIMIZER.num_epochs=1',
]

async function train(...args: string[]) {
  const [stdout, stderr] = [new Capture(), new Capture()]
  const code = await run(['train', './photos', ...small, ...args], { stdout, stderr, cwd, env: {} })
  return { code, out: stdout.text, err: stderr.text }
}

test.serial('initial weights of an address; the run remembers the address', async (t) => {
  const heads = 'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[32,128]}]]'
  const first = await train(heads)
  t.is(first.code, ExitCode.ok, first.err)
  const url = `${home}/runs/photos-1/checkpoints/model_final_checkpoint_phase0.torch`
  const weights = `config.MODEL.WEIGHTS_INIT.PARAMS_FILE=${url}`
  const { code, out, err } = await train(heads, weights)
  t.is(code, ExitCode.ok, err)
  t.true(out.includes(`fetching ${url} (`), out)
  t.regex(out, /weights {2}\S*cache\/downloads\/\S+: 102 of 122 entries loaded/)
  t.true(readFileSync(join(cwd, 'runs/photos-2/train_config.yaml'), 'utf8').includes(url))
})

test.serial('permutations of an address', async (t) => {
  writeIntegers(
    join(cwd, 'two.npy'),
    [2, 9],
    Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1, 0),
  )
  const heads = '[[mlp,{dims:[32,16]}],[siamese_concat_view,{num_towers:9}],[mlp,{dims:[144,2]}]]'
  const { code, out, err } = await train(
    ...['--method', 'jigsaw', `config.MODEL.HEAD.PARAMS=${heads}`, '--dry-run'],
    '~config.DATA.TRAIN.TRANSFORMS.6.num_permutations',
    `+config.DATA.TRAIN.TRANSFORMS.6.perm_file=${home}/two.npy`,
  )
  t.is(code, ExitCode.ok, err)
  t.true(out.includes(`fetching ${home}/two.npy`), out)
})
