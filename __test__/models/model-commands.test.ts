import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { CommandEntry } from '../../ts/cli/command.ts'
import { modelList } from '../../ts/cli/model-list.ts'
import { modelShow } from '../../ts/cli/model-show.ts'
import { run } from '../../ts/cli/run.ts'
import { ExitCode } from '../../ts/errors.ts'
import { presets } from '../../ts/models/index.ts'
import { Capture } from '../logging/output.ts'

const commands = new Map<string, CommandEntry>([
  ['model show', { summary: 'show a model', load: async () => modelShow }],
  ['model list', { summary: 'list models', load: async () => modelList }],
])

async function vissl(...argv: string[]) {
  const stdout = new Capture()
  const stderr = new Capture()
  const code = await run(argv, { stdout, stderr, cwd: tmpdir(), env: {} }, commands)
  return { code, out: stdout.text, err: stderr.text }
}

test('model show: what the quick start trains', async (t) => {
  const { code, out } = await vissl('model', 'show', 'config=quickstart', '--input', '2x3x28x28')
  t.is(code, ExitCode.ok)
  t.regex(out, /^trunk +resnet\nheads +mlp, mlp\ninput +2×3×28×28\noutput +2×64\n/)
  t.regex(out, /^res5 +2×128×2×2$/m)
  t.regex(out, /^multiply-adds +15\.\d M$/m)
  t.false(out.includes('BatchNorm2d'))
  const layers = await vissl('model', 'show', 'quickstart', '--input', '2x3x28x28', '--layers')
  t.regex(layers.out, /^trunk\._feature_blocks\.conv1 +Conv2d +2×16×14×14 +432 +0\.2 M +24\.5 KiB$/m)
})

test('model show: overrides, and JSON', async (t) => {
  const trunk = [
    'config.MODEL.TRUNK.NAME=regnet',
    '+config.MODEL.TRUNK.TRUNK_PARAMS.REGNET.name=regnet_y_16gf',
  ]
  const { out } = await vissl(
    'model',
    'show',
    'quickstart',
    'config.MODEL.HEAD.PARAMS=[]',
    ...trunk,
    '--json',
  )
  const trace = JSON.parse(out) as { features: Record<string, number[]>; parameters: number }
  t.deepEqual(trace.features.res5, [1, 3024, 7, 7])
  t.is(trace.parameters, 83590140 - 3024 * 1000 - 1000)
})

test('model show: crops and named inputs', async (t) => {
  const crops = ['--input', '2x3x64x64', '--input', '2x3x32x32']
  t.regex(
    (await vissl('model', 'show', 'quickstart', 'config.MODEL.HEAD.PARAMS=[]', ...crops)).out,
    /input +2×3×64×64, 2×3×32×32\noutput +4×128\n/,
  )
  const mapping = [
    'config.MODEL.MULTI_INPUT_HEAD_MAPPING=[[images,[flatten]]]',
    'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[128,8]}]]',
  ]
  const named = await vissl('model', 'show', 'quickstart', ...mapping, '--input', 'images=2x3x64x64')
  t.regex(named.out, /input +images 2×3×64×64\noutput +2×8\n/)
})

test('model show: what is wrong', async (t) => {
  for (const [argv, message] of [
    [['config.MODEL.HEAD.PARAMS=[[mlp,{dims:[64,10]}]]'], /takes 64 features, but .* gives 128/],
    [['config.MODEL.TRUNK.NAME=resnt'], /no trunk named "resnt"; did you mean resnet/],
    [['--input', '3x224'], /"3x224" is no shape/],
    [['--input', '1x3x64x64', '--input', 'a=1x3x64x64'], /some of --input have a key/],
    [['extra'], /unexpected argument extra/],
    [['config.MODEL.TRUNK.NAME=alexnet_rotnet', '--input', '1x3x8x8'], /cannot take images of 1×3×8×8/],
  ] as const) {
    const { code, err } = await vissl('model', 'show', 'quickstart', ...argv)
    t.is(code, ExitCode.usage, argv.join(' '))
    t.regex(err, message)
  }
})

test('model list: every network, and parts of one’s own', async (t) => {
  const { code, out } = await vissl('model', 'list')
  t.is(code, ExitCode.ok)
  t.regex(out, /^resnet50 +resnet +3×224×224 +2048 +23\.5 M +4\.09 G$/m)
  t.regex(out, /^heads +eval_mlp, mae_decoder, mlp, siamese_concat_view, swav_head$/m)
  const folder = mkdtempSync(join(tmpdir(), 'vissl-model-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const plugin = join(folder, 'mine.ts')
  writeFileSync(
    plugin,
    "import { Head, z } from 'vissl'\n" +
      "export class Mine extends Head {\n  static key = 'mine'\n  static params = z.object({})\n" +
      '  forward(x) {\n    return x\n  }\n}\n',
  )
  const listed = JSON.parse((await vissl('model', 'list', '--json', '--plugin', plugin)).out)
  t.true(listed.heads.includes('mine'))
  t.is(listed.networks.length, presets.length)
})
