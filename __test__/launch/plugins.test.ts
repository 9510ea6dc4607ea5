import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { loadPlugins } from '../../ts/launch/plugins.ts'
import { Loss, losses } from '../../ts/losses/index.ts'
import { runTiny } from '../train/_run.ts'
import { place, plugin, snippet } from './_own.ts'

test.serial('a loss of one’s own, outside of the package and under 30 lines, trains', async (t) => {
  const code = snippet('your-own-loss.md')
  t.true(code.trim().split('\n').length < 30)
  t.deepEqual(await loadPlugins([plugin('alignment.ts', code)]), ['loss alignment_uniformity'])
  t.true(losses.get('alignment_uniformity').prototype instanceof Loss)
  const cwd = place('run')
  const printed = await runTiny(cwd, { overrides: ['config.LOSS.name=alignment_uniformity'] })
  t.regex(printed, /loss {2}alignment_uniformity/)
  t.regex(printed, /done in/)
})

test.serial('hooks and train steps of one’s own', async (t) => {
  const room = new URL('../../ts/train/', import.meta.url).href
  const code = `
    import { writeFileSync } from 'node:fs'
    import { z } from 'vissl'
    import { Hook } from '${room}hook.ts'
    import { StandardTrainStep } from '${room}train-step.ts'
    export class CountSteps extends Hook {
      static key = 'count_steps'
      static params = z.object({ file: z.string() })
      name = 'count_steps'
      losses = []
      constructor(params) {
        super()
        this.params = params
      }
      onStep(task) {
        this.losses.push(task.step.loss)
      }
      onEnd() {
        writeFileSync(this.params.file, JSON.stringify(this.losses))
      }
    }
    export class TwiceStep extends StandardTrainStep {
      static key = 'twice_step'
      loss(task, output) {
        return super.loss(task, output).mul(2)
      }
    }`
  t.deepEqual(await loadPlugins([plugin('parts.ts', code)]), ['hook count_steps', 'train step twice_step'])
  const firstLoss = async (name: string, ...overrides: string[]): Promise<number> => {
    const cwd = place(name)
    const file = join(cwd, 'losses.json')
    const own = ['config.HOOKS.EXTRA=[count_steps]', `+config.HOOKS.count_steps={file:'${file}'}`]
    await runTiny(cwd, { overrides: [...own, 'config.OPTIMIZER.num_epochs=1', ...overrides] })
    const losses = JSON.parse(readFileSync(file, 'utf8')) as number[]
    t.is(losses.length, 4)
    return losses[0]!
  }
  const plain = await firstLoss('plain')
  t.is(await firstLoss('twice', 'config.TRAINER.TRAIN_STEP_NAME=twice_step'), 2 * plain)
})

test.serial('meters, optimizers and schedules of one’s own', async (t) => {
  const room = new URL('../../ts/', import.meta.url).href
  const code = `
    import { z } from 'vissl'
    import { Sgd } from '${room}optim/index.ts'
    import { defineSchedule } from '${room}optim/index.ts'
    export class CountMeter {
      static key = 'count_meter'
      static params = z.object({})
      name = 'count_meter'
      update() {}
      sync() {}
      value() { return {} }
      reset() {}
    }
    export class MySgd extends Sgd {
      static key = 'my_sgd'
    }
    export const halves = defineSchedule({
      key: 'halves',
      params: z.object({}),
      defaultInterval: 'step',
      create: () => (where) => 0.5 ** where,
    })`
  t.deepEqual((await loadPlugins([plugin('more.ts', code)])).sort(), [
    'meter count_meter',
    'optimizer my_sgd',
    'scheduler halves',
  ])
})

test.serial('plug-ins that cannot be used say why', async (t) => {
  const fails = (code: string, message: RegExp) =>
    t.throwsAsync(loadPlugins([plugin(`bad-${Math.abs(code.length)}.ts`, code)]), { message })
  await fails('export const x = 1\n', /exports no class that extends/)
  await fails(
    "import { Loss } from 'vissl'\nexport class Nameless extends Loss {}\n",
    /Nameless has no static key/,
  )
  await fails('export const = 1\n', /does not load/)
  await t.throwsAsync(loadPlugins([join(place('none'), 'missing.ts')]), { message: /there is no plug-in/ })
})
