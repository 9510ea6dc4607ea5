import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import type { Command } from './command.ts'

type Builders = typeof import('../data/dataset-builders/index.ts')

interface Preparation {
  builders: Builders
  /** The folder, absolute. */
  root: string
  output: string
  option(name: string): string | undefined
  isSet(name: string): boolean
  say(line: string): void
}

/** What can be prepared. Each writes its files and says so. */
const kinds: Readonly<Record<string, (preparation: Preparation) => void>> = {
  imagenet({ builders, root, output, say, isSet }) {
    const { readClassFolders, writeTexts, writeIntegers, writeWhole } = builders
    const train = readClassFolders(`${root}/train`)
    const partitions = { train, val: readClassFolders(`${root}/val`, train.classes) }
    for (const [part, { images, labels, classes }] of Object.entries(partitions)) {
      writeIntegers(`${output}/${part}_labels.npy`, [labels.length], labels)
      writeTexts(`${output}/${part}_images.npy`, images)
      if (isSet('json')) {
        const rows = images.map((path, i) => [path.split('/').slice(-2).join('/'), labels[i]])
        writeWhole(`${output}/${part}_targets.json`, `${JSON.stringify(Object.fromEntries(rows))}\n`)
      }
      say(`${part}: ${images.length} images of ${classes.length} classes`)
    }
  },
  voc({ builders, root, output, say, isSet }) {
    const separate = isSet('separate')
    for (const part of separate ? ['train', 'val', 'test'] : ['train', 'val']) {
      multiLabel(builders, builders.readVoc(root, part, separate), `${output}/${part}`, say, isSet('json'))
    }
  },
  coco({ builders, root, output, say, isSet }) {
    const { cocoAnnotations, isCocoPart, readCoco } = builders
    const more = ['minival', 'valminusminival'].filter((part) => isCocoPart(root, part))
    for (const part of ['train', 'val', ...more]) {
      // Those parts are of the images of val.
      const images = `${root}/${part === 'train' ? part : 'val'}2014`
      const set = readCoco(cocoAnnotations(root, part), images)
      multiLabel(builders, set, `${output}/${part}`, say, isSet('json'))
    }
  },
  jigsaw({ builders, output, say, option }) {
    const [count, patches] = [whole(option, 'count', 1000), whole(option, 'patches', 9)]
    const method = option('method') ?? 'max_avg'
    if (method !== 'max_avg' && method !== 'max_min')
      throw new VisslError(ExitCode.usage, `--method is ${method}`, 'it is max_avg or max_min')
    const first = whole(option, 'first', Math.floor(Math.random() * builders.factorial(patches)))
    const set = builders.distantPermutations({ count, patches, method, first })
    const file = `${output}/hamming_perms_${count}_patches_${patches}_${method}.npy`
    builders.writeIntegers(file, [count, patches], set.rows)
    say(
      `${file}: distances ${set.meanDistance.toFixed(3)} on average, ${set.minDistance} at least; --first ${first}`,
    )
  },
}

export const dataPrepare: Command = {
  usage: 'imagenet|voc|coco ROOT --output FOLDER   or   jigsaw --output FOLDER',
  description:
    'Writes the .npy lists that disk_filelist reads: images and labels of ImageNet (ROOT/train, ROOT/val), Pascal VOC\n' +
    '(ROOT/ImageSets, ROOT/JPEGImages) or COCO 2014 (ROOT/annotations, ROOT/train2014, ROOT/val2014); or the permutations\n' +
    'of the jigsaw task.',
  options: [
    { name: 'output', takes: 'one', value: 'FOLDER', description: 'where to write' },
    { name: 'json', takes: 'flag', description: 'also write the labels as JSON' },
    {
      name: 'separate',
      takes: 'flag',
      description: "voc: the parts train, val and test, instead of VOC's usual two",
    },
    { name: 'count', takes: 'one', value: 'N', description: 'jigsaw: permutations; 1000' },
    { name: 'patches', takes: 'one', value: 'M', description: 'jigsaw: patches; 9' },
    {
      name: 'method',
      takes: 'one',
      value: 'max_avg|max_min',
      description: 'jigsaw: what is made great; max_avg',
    },
    {
      name: 'first',
      takes: 'one',
      value: 'I',
      description: 'jigsaw: the first permutation; drawn by chance',
    },
  ],
  examples: [
    ['vissl data prepare voc VOCdevkit/VOC2007 --output lists', 'images and labels of VOC2007'],
    ['vissl data prepare jigsaw --output lists', '1000 permutations of 9 patches'],
  ],

  async run(args, { stdout, stderr, cwd }) {
    const { resolve } = await import('node:path')
    const builders = await import('../data/dataset-builders/index.ts')
    const [kind, root, ...more] = args.positional
    const names = Object.keys(kinds)
    if (kind === undefined || !Object.hasOwn(kinds, kind)) {
      const near = kind === undefined ? [] : didYouMean(kind, names)
      const hint = near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''
      throw new VisslError(
        ExitCode.usage,
        `nothing is prepared as "${kind ?? ''}"${hint}`,
        `known: ${names.join(', ')}`,
      )
    }
    if ((kind === 'jigsaw') === (root !== undefined) || more.length > 0)
      throw new VisslError(
        ExitCode.usage,
        'the arguments are not those of this kind',
        `write  vissl data prepare ${this.usage}`,
      )
    const option = (name: string) => args.options.get(name)?.at(-1)
    const output = option('output')
    if (output === undefined)
      throw new VisslError(ExitCode.usage, 'it is not said where to write', 'give --output FOLDER')
    kinds[kind]!({
      builders,
      root: resolve(cwd, root ?? ''),
      output: resolve(cwd, output),
      option,
      isSet: (name) => args.options.has(name),
      say: (line) => (kind === 'jigsaw' ? stdout : stderr).write(`${line}\n`),
    })
    if (kind !== 'jigsaw') stdout.write(`${resolve(cwd, output)}\n`)
    return ExitCode.ok
  },
}

function multiLabel(
  builders: Builders,
  set: ReturnType<Builders['readVoc']>,
  prefix: string,
  say: (line: string) => void,
  json: boolean,
): void {
  const { images, classes, labels, skipped } = set
  const files = {
    images: `${prefix}_images.npy`,
    labels: `${prefix}_labels.npy`,
    classes: `${prefix}_classes.json`,
  }
  builders.writeLists(files, set)
  if (json) {
    const row = (at: number) => classes.map((name, i) => [name, labels[at * classes.length + i]])
    const rows = images.map((path, at) => [path.replace(/^.*\/|\.\w+$/g, ''), Object.fromEntries(row(at))])
    builders.writeWhole(`${prefix}_targets.json`, `${JSON.stringify(Object.fromEntries(rows))}\n`)
  }
  const left = skipped.length > 0 ? `; ${skipped.length} entries left out, the first: ${skipped[0]}` : ''
  say(`${files.images}: ${images.length} images, ${classes.length} classes${left}`)
}

function whole(option: (name: string) => string | undefined, name: string, otherwise: number): number {
  const text = option(name)
  if (text === undefined) return otherwise
  if (/^\d{1,7}$/.test(text)) return Number(text)
  throw new VisslError(ExitCode.usage, `--${name} is ${text}`, 'give a whole number')
}
