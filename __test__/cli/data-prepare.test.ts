import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { dataPrepare } from '../../ts/cli/data-prepare.ts'
import { distantPermutations } from '../../ts/data/dataset-builders/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { runCommand } from './_data.ts'

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-prepare-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function save(folder: string, path: string, text = ''): void {
  mkdirSync(join(folder, path, '..'), { recursive: true })
  writeFileSync(join(folder, path), text)
}

/** The elements of a small `.npy` file of int32. */
function integers(path: string): number[] {
  const bytes = readFileSync(path)
  const start = 10 + bytes.readUInt16LE(8)
  return Array.from({ length: (bytes.length - start) / 4 }, (_, i) => bytes.readInt32LE(start + i * 4))
}

test('ImageNet: sorted class folders, the same numbers in both partitions', async (t) => {
  const cwd = scratch(t)
  for (const path of [
    'train/n2/b.JPEG',
    'train/n2/a.JPEG',
    'train/n1/c.JPEG',
    'train/n1/x.txt',
    'val/n2/v.JPEG',
  ])
    save(cwd, `in/${path}`)
  const { out, err } = await runCommand(dataPrepare, cwd, ['imagenet', 'in', '--output', 'lists', '--json'])
  t.is(out, `${join(cwd, 'lists')}\n`)
  t.regex(err, /train: 3 images of 2 classes\nval: 1 images of 2 classes/)
  t.deepEqual(integers(join(cwd, 'lists/train_labels.npy')), [0, 1, 1])
  t.deepEqual(integers(join(cwd, 'lists/val_labels.npy')), [1])
  t.deepEqual(JSON.parse(readFileSync(join(cwd, 'lists/train_targets.json'), 'utf8')), {
    'n1/c.JPEG': 0,
    'n2/a.JPEG': 1,
    'n2/b.JPEG': 1,
  })
  save(cwd, 'in/val/n3/v.JPEG')
  await t.throwsAsync(runCommand(dataPrepare, cwd, ['imagenet', 'in', '--output', 'lists']), {
    message: /n3: this class is not among the 2 classes/,
  })
})

test('VOC and COCO', async (t) => {
  const cwd = scratch(t)
  mkdirSync(join(cwd, 'voc/JPEGImages'), { recursive: true })
  for (const part of ['trainval', 'test', 'train', 'val'])
    save(cwd, `voc/ImageSets/Main/cat_${part}.txt`, `${part} 1\n`)
  await runCommand(dataPrepare, cwd, ['voc', 'voc', '--output', 'v', '--json'])
  t.deepEqual(integers(join(cwd, 'v/train_labels.npy')), [1])
  t.deepEqual(JSON.parse(readFileSync(join(cwd, 'v/val_targets.json'), 'utf8')), { test: { cat: 1 } })
  await runCommand(dataPrepare, cwd, ['voc', 'voc', '--output', 's', '--separate'])
  t.true(existsSync(join(cwd, 's/test_images.npy')))
  const json = {
    images: [{ id: 1, file_name: 'a.jpg', width: 9, height: 9 }],
    categories: [{ id: 1, name: 'cat' }],
    annotations: [{ image_id: 1, category_id: 1, bbox: [0, 0, 5, 5], area: 25 }],
  }
  for (const part of ['train', 'val'])
    save(cwd, `coco/annotations/instances_${part}2014.json`, JSON.stringify(json))
  await runCommand(dataPrepare, cwd, ['coco', 'coco', '--output', 'c'])
  t.deepEqual(integers(join(cwd, 'c/train_labels.npy')), [1])
})

/** The choice of permutations as the reference's script describes it, over all pairs anew in every round. */
function plainChoice(count: number, patches: number, method: string, first: number): number[][] {
  const orders = (items: number[]): number[][] =>
    items.length === 0
      ? [[]]
      : items.flatMap((item) =>
          orders(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
        )
  const pool = orders(Array.from({ length: patches }, (_, i) => i))
  const chosen = pool.splice(first, 1)
  while (chosen.length < count) {
    const scores = pool.map((row) => {
      const distances = chosen.map((other) => row.filter((value, i) => value !== other[i]).length)
      return method === 'max_min'
        ? Math.min(...distances)
        : distances.reduce((a, b) => a + b) / distances.length
    })
    chosen.push(...pool.splice(scores.indexOf(Math.max(...scores)), 1))
  }
  return chosen
}

test('permutations are those of the greedy rule', (t) => {
  for (const method of ['max_avg', 'max_min'] as const) {
    for (const [patches, first] of [
      [4, 0],
      [4, 17],
      [5, 101],
    ] as const) {
      const { rows, minDistance } = distantPermutations({ count: 12, patches, method, first })
      const wanted = plainChoice(12, patches, method, first)
      t.deepEqual([...rows], wanted.flat())
      t.true(minDistance >= 2)
    }
  }
  const few = distantPermutations({ count: 2, patches: 3, method: 'max_min', first: 0 })
  t.deepEqual([few.meanDistance, few.minDistance], [3, 3])
})

test('jigsaw writes a table that begins with the permutation asked for', async (t) => {
  const cwd = scratch(t)
  const argv = [
    'jigsaw',
    '--output',
    'p',
    '--count',
    '10',
    '--patches',
    '4',
    '--method',
    'max_min',
    '--first',
    '23',
  ]
  const { out } = await runCommand(dataPrepare, cwd, argv)
  t.regex(out, /hamming_perms_10_patches_4_max_min\.npy: distances .* --first 23/)
  t.deepEqual(integers(join(cwd, 'p/hamming_perms_10_patches_4_max_min.npy')).slice(0, 4), [3, 2, 1, 0])
})

test('wrong calls are errors with a fix', async (t) => {
  const cwd = scratch(t)
  const bad: [string[], RegExp][] = [
    [[], /nothing is prepared as ""/],
    [['vok', 'x'], /did you mean voc/],
    [['voc', '--output', 'x'], /the arguments are not those/],
    [['jigsaw', 'x', '--output', 'x'], /the arguments are not those/],
    [['voc', 'x'], /not said where to write/],
    [['voc', 'x', '--output', 'y'], /x is no VOC folder/],
    [['imagenet', 'x', '--output', 'y'], /x\/train is no folder/],
    [['jigsaw', '--output', 'y', '--patches', '10'], /permutations of 10 patches are not made/],
    [
      ['jigsaw', '--output', 'y', '--patches', '3', '--count', '7'],
      /7 permutations of 3 patches cannot be chosen/,
    ],
    [
      ['jigsaw', '--output', 'y', '--patches', '3', '--count', '2', '--first', '6'],
      /no permutation number 6/,
    ],
    [['jigsaw', '--output', 'y', '--count', '-1'], /--count/],
    [['jigsaw', '--output', 'y', '--method', 'best'], /--method is best/],
  ]
  for (const [argv, message] of bad) {
    const run = async () => runCommand(dataPrepare, cwd, argv)
    const error = await t.throwsAsync(run(), { instanceOf: VisslError, message }, argv.join(' '))
    t.truthy(error?.fix)
  }
})
