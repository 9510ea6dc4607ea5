import { ExitCode, VisslError } from '../errors.ts'
import type { Command } from './command.ts'
import { composeInput, inputOptions } from './config-input.ts'

export const dataPreview: Command = {
  usage: '[config=NAME] [KEY=VALUE …] [--out FILE]',
  description:
    'Writes a PNG picture of what the model would get: one row a sample, one column a view, crop or patch, with the\n' +
    'transforms of the configuration applied and its normalisation undone.',
  options: [
    ...inputOptions,
    { name: 'out', takes: 'one', value: 'FILE', description: 'the file to write; preview.png' },
    { name: 'split', takes: 'one', value: 'TRAIN|TEST', description: 'the block of DATA; TRAIN' },
    { name: 'samples', takes: 'one', value: 'N', description: 'samples to show; 8' },
  ],
  examples: [
    [
      'vissl data preview config=pretrain/simclr/simclr_8node_resnet config.DATA.TRAIN.DATA_PATHS=[./my-photos]',
      'the views of SimCLR',
    ],
  ],

  async run(args, { stdout, cwd }) {
    const option = (name: string) => args.options.get(name)?.at(-1)
    const split = option('split') ?? 'TRAIN'
    if (split !== 'TRAIN' && split !== 'TEST')
      throw new VisslError(ExitCode.usage, `--split is ${split}`, 'it is TRAIN or TEST')
    const samples = option('samples') ?? '8'
    if (!/^[1-9]\d{0,2}$/.test(samples))
      throw new VisslError(ExitCode.usage, `--samples is ${samples}`, 'give a number from 1 to 999')
    const { checked } = await composeInput(args, cwd)
    if (!checked.ok) {
      const first = checked.mistakes[0]!
      throw new VisslError(ExitCode.usage, first.message, 'vissl config check says all that is wrong')
    }
    const { resolve } = await import('node:path')
    const { writeFile } = await import('node:fs/promises')
    const { createLoader } = await import('../data/loader.ts')
    const { previewSheet } = await import('../data/preview.ts')
    const { DATA, SEED_VALUE } = checked.root.config
    const block = { ...DATA[split], DROP_LAST: false }
    const batch = Math.min(block.BATCHSIZE_PER_REPLICA, Number(samples) + (Number(samples) % 2))
    using loader = createLoader({
      split: { ...block, BATCHSIZE_PER_REPLICA: batch },
      splitName: split,
      seed: SEED_VALUE,
      workers: 0,
    })
    const normalize = block.TRANSFORMS.find(({ name }) => name === 'Normalize')
    const numbers = (value: unknown): number[] | undefined =>
      Array.isArray(value) && value.every((one) => typeof one === 'number') ? value : undefined
    const [mean, std] = [numbers(normalize?.mean) ?? [0], numbers(normalize?.std) ?? [1]]
    const png = await previewSheet(loader, { samples: Number(samples), mean, std })
    const file = resolve(cwd, option('out') ?? 'preview.png')
    await writeFile(file, png).catch((error: Error) => {
      throw new VisslError(
        ExitCode.environment,
        `${file} cannot be written: ${error.message}`,
        'give another --out',
      )
    })
    stdout.write(`${file}\n`)
    return ExitCode.ok
  },
}
