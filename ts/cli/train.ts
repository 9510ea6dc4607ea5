import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import { ConsoleLog } from '../logging/log.ts'
import { type Arguments, lastValue } from './arguments.ts'
import type { Command } from './command.ts'
import { extensionsOf } from './extensions.ts'

export const train: Command = {
  usage: '[FOLDER] [config=NAME] [+config/GROUP=NAME …] [config.KEY=VALUE …] [OPTIONS]',
  description:
    'Trains as a configuration says, or on a folder of images with settings chosen for this machine. Results go to\n' +
    'runs/NAME-N, or to config.CHECKPOINT.DIR.',
  options: [
    {
      name: 'method',
      takes: 'one',
      value: 'NAME',
      description: 'for a FOLDER: simclr (unless given), dino, byol, swav, mae, … (configs/config/folder)',
    },
    {
      name: 'plugin',
      takes: 'many',
      value: 'FILE',
      description: 'a module whose exported parts can be named; may be repeated',
    },
    {
      name: 'resume',
      takes: 'optional',
      value: 'PATH',
      implied: 'auto',
      description:
        'go on with a run: its folder, a checkpoint, or auto (the newest run of this configuration)',
    },
    {
      name: 'max-restarts',
      takes: 'one',
      value: 'N',
      description: 'start again from the newest checkpoint after a crash, at most N times',
    },
    {
      name: 'fit-machine',
      takes: 'flag',
      description: 'change what this machine cannot do: one process on the CPU, batches of 16',
    },
    {
      name: 'dry-run',
      takes: 'flag',
      description: 'build and check everything, rehearse one step, say what would be done, and stop',
    },
    {
      name: 'profile',
      takes: 'one',
      value: 'N',
      description: 'record N steps: a Chrome trace in the run’s folder, and where the time goes',
    },
  ],
  examples: [
    ['vissl train config=quickstart', 'SimCLR on Fashion-MNIST'],
    ['vissl train ./my-photos', 'your own images'],
    ['vissl train ./my-photos --method dino', 'with another method'],
    ['vissl train config=quickstart config.OPTIMIZER.num_epochs=5', 'with a value of your own'],
    ['vissl train config=quickstart --resume', 'go on where the last run stopped'],
    [
      'vissl train config=quickstart --plugin ./my-loss.ts config.LOSS.name=my_loss',
      'with a loss of your own',
    ],
  ],

  async run(args, { cwd, stdout, stderr, env }) {
    const folder = folderOf(args, cwd)
    const plugins = (args.options.get('plugin') ?? []).map((file) => pluginOf(file, cwd))
    const resume = lastValue(args, 'resume')
    const { composeConfig, listOptions, packageConfigs } = await import('../config/index.ts')
    const known = listOptions('config/folder', [packageConfigs])
    const method = methodOf(lastValue(args, 'method'), folder, known)
    const { config, root, origins, configName, warnings } = composeConfig({
      config: folder === undefined ? undefined : 'folder',
      overrides: [...method, ...args.overrides.map((override) => withLocalFile(override, cwd))],
      cwd,
      extensions: await extensionsOf(plugins),
    })
    const log = new ConsoleLog(stderr, env)
    for (const warning of warnings) log.warn(warning)
    if (folder !== undefined) {
      Object.assign(config.DATA.TRAIN, {
        DATA_SOURCES: ['disk_folder'],
        DATA_PATHS: [folder],
      })
    }
    const [{ runEngine }, { runName }] = await Promise.all([
      import('../launch/engines.ts'),
      import('../launch/reproducible.ts'),
    ])
    return runEngine(root.engine_name, {
      config,
      origins,
      folder,
      name: runName(configName, folder),
      resume: resume === undefined || resume === 'auto' ? resume : resolve(cwd, resume),
      dryRun: args.options.has('dry-run'),
      fitMachine: args.options.has('fit-machine'),
      nodeId: root.node_id,
      maxRestarts: restartsOf(lastValue(args, 'max-restarts')),
      profile: stepsOf(lastValue(args, 'profile')),
      commandLine: ['vissl', 'train', ...args.raw],
      cwd,
      output: stdout,
    })
  },
}

/** The folder of images on the command line, absolute. */
function folderOf(args: Arguments, cwd: string): string | undefined {
  const [given, extra] = args.positional
  if (given === undefined) return undefined
  if (extra !== undefined) {
    throw new VisslError(ExitCode.usage, `unexpected argument ${extra}`, 'one folder can be trained on')
  }
  if (/^config[./]/.test(given))
    throw new VisslError(ExitCode.usage, `${given} has no value`, `write  ${given}=VALUE`)
  const path = resolve(cwd, given)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) {
    throw new VisslError(
      ExitCode.data,
      `there is no folder ${given}`,
      'give a folder of images, or choose a configuration: vissl train config=quickstart',
    )
  }
  if (!stat.isDirectory())
    throw new VisslError(ExitCode.data, `${given} is a file`, 'give the folder it is in')
  return path
}

/** The N of `--max-restarts N`; 0 without it. */
function restartsOf(given: string | undefined): number {
  if (given === undefined) return 0
  if (/^\d{1,6}$/.test(given)) return Number(given)
  throw new VisslError(
    ExitCode.usage,
    `--max-restarts ${given} is no number of times`,
    'write  --max-restarts 3',
  )
}

/** The override that chooses the method of `--method`. */
function methodOf(given: string | undefined, folder: string | undefined, known: readonly string[]): string[] {
  if (given === undefined) return []
  if (folder === undefined) {
    throw new VisslError(
      ExitCode.usage,
      '--method needs a folder of images',
      'write  vissl train FOLDER --method NAME, or choose a configuration: vissl config list',
    )
  }
  const name = given.toLowerCase().replaceAll(/[- ]/g, '_')
  if (known.includes(name)) return [`+config/folder=${name}`]
  const near = didYouMean(name, known)
  const hint = near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''
  throw new VisslError(
    ExitCode.usage,
    `no method for folders is called ${given}${hint}`,
    `known: ${known.join(', ')}`,
  )
}

/** The N of `--profile N`; 0 without it. */
function stepsOf(given: string | undefined): number {
  if (given === undefined) return 0
  if (/^[1-9]\d{0,6}$/.test(given)) return Number(given)
  throw new VisslError(ExitCode.usage, `--profile ${given} is no number of steps`, 'write  --profile 20')
}

/** `config=runs/x-1/train_config.yaml` means that file where there is one, also without `./` before it. */
function withLocalFile(override: string, cwd: string): string {
  const file = /^config=(?<file>.+\.ya?ml)$/.exec(override)?.groups?.file
  if (file === undefined) return override
  const path = resolve(cwd, file)
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? `config=${path}` : override
}

function pluginOf(file: string, cwd: string): string {
  const path = resolve(cwd, file)
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return path
  throw new VisslError(ExitCode.usage, `there is no plug-in ${file}`, 'give the path of a .ts or .js module')
}
