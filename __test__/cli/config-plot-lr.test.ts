import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { drawCurve, sampleCurve } from '../../ts/cli/lr-curve.ts'
import { ExitCode } from '../../ts/errors.ts'
import { buildScheduler } from '../../ts/optim/schedules/index.ts'
import { config } from './_config.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-config-'))

test('points of a schedule: of each step, or of the start of the epoch', (t) => {
  const linear = { name: 'linear', start_value: 0, end_value: 1 }
  const byStep = buildScheduler({ ...linear, update_interval: 'step' }, 4)
  t.deepEqual(sampleCurve('lr', byStep, 4, 8).rates, [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875])
  const byEpoch = buildScheduler({ ...linear, update_interval: 'epoch' }, 4)
  t.deepEqual(sampleCurve('lr', byEpoch, 4, 8).rates, [0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75])
})

test('a drawing: falling steps, a constant, a single row', (t) => {
  const draw = (rates: number[]) => drawCurve({ name: 'lr', rates }, 2, 4, 3).join('\n')
  t.is(draw([1, 1, 0, 0]), ['  1 ┤⠉⠉⡆', '0.5 ┤⠀⠀⡇', '  0 ┤⠀⠀⣇⣀', '    └────', '     0epoch 2'].join('\n'))
  t.true(draw([0.3]).startsWith(' 0.3 ┤⠉⠉⠉⠉\n'))
  t.true(draw([0, 0]).includes('0 ┤⣀⣀⣀⣀\n'))
})

test('the scaled schedule of a configuration, drawn in the terminal', async (t) => {
  const { code, out } = await config(cwd, 'plot-lr', 'config=pretrain/simclr/simclr_8node_resnet')
  t.is(code, ExitCode.ok)
  t.regex(out, /^lr {2}from 0\.6, highest 4\.\d+, at the end /)
  t.regex(out, /epoch 100\n$/)
  const heads = ['config.OPTIMIZER.head_optimizer_params.use_different_lr=true']
  const both = await config(cwd, 'plot-lr', 'config=pretrain/simclr/simclr_8node_resnet', ...heads)
  t.deepEqual(both.out.match(/^lr\w*/gm), ['lr', 'lr_head'])
})

test('as a picture', async (t) => {
  const { code, out } = await config(cwd, 'plot-lr', 'config=quickstart', '--svg', 'lr.svg')
  t.deepEqual([code, out], [ExitCode.ok, 'lr.svg\n'])
  const svg = readFileSync(join(cwd, 'lr.svg'), 'utf8')
  const points = /<polyline points="([^"]+)"/.exec(svg)![1]!.split(' ')
  t.is(points.length, 1000)
  for (const point of points) t.regex(point, /^\d+\.\d,\d+\.\d$/)
  t.notRegex(svg, /NaN|undefined/)
  const full = await config(cwd, 'plot-lr', 'config=quickstart', '--svg', 'none/lr.svg')
  t.is(full.code, ExitCode.environment)
})

test('impossible schedules', async (t) => {
  const few = await config(
    cwd,
    'plot-lr',
    'config=pretrain/supervised/supervised_8gpu_resnet',
    'config.OPTIMIZER.num_epochs=2',
  )
  t.is(few.code, ExitCode.usage)
  t.regex(few.err, /num_epochs \(2\)|milestone/)
  t.is((await config(cwd, 'plot-lr', 'quickstart')).code, ExitCode.usage)
})
