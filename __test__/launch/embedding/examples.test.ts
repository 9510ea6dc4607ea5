import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { nodeArguments } from '../../cli/_process.ts'
import { png } from '../_images.ts'
import { scratch } from './_app.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const run = promisify(execFile)

test.serial('the example for Node trains on a folder and finds neighbours', async (t) => {
  const cwd = scratch(t)
  // The package as an app has it, from its sources.
  const installed = join(cwd, 'node_modules/vissl')
  mkdirSync(installed, { recursive: true })
  writeFileSync(join(installed, 'package.json'), '{ "type": "module", "exports": "./index.js" }')
  writeFileSync(join(installed, 'index.js'), `export * from ${JSON.stringify(`${root}/ts/index.ts`)}\n`)
  writeFileSync(join(cwd, 'package.json'), '{ "type": "module" }')
  const example = join(cwd, 'embed-photos.ts')
  copyFileSync(join(root, 'docs/examples/node/embed-photos.ts'), example)
  mkdirSync(join(cwd, 'photos'))
  for (let i = 0; i < 12; i++) writeFileSync(join(cwd, `photos/${i}.png`), png(20, i))

  const small = ['OPTIMIZER.num_epochs=1', 'MACHINE.THREADS=1', 'DATA.TRAIN.BATCHSIZE_PER_REPLICA=4']
  const { stdout } = await run(
    process.execPath,
    [...nodeArguments(example), './photos', ...small.map((value) => `config.${value}`)],
    { cwd },
  )
  t.is(stdout.match(/^epoch 1 {2}\d+ % {2}loss \d\.\d{3}$/gm)?.length, 3)
  t.is(stdout.match(/^\d+\.png resembles \d+\.png$/gm)?.length, 12)
  const resembling = [...stdout.matchAll(/^(\d+)\.png resembles (\d+)\.png$/gm)]
  t.true(resembling.every(([, own, other]) => own !== other))
})

test.serial('the examples compile against the package’s types', async (t) => {
  const cwd = scratch(t)
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: true,
      rootDir: '/',
      typeRoots: [join(root, 'node_modules/@types')],
      paths: { vissl: [join(root, 'ts/index.ts')] },
    },
    include: [join(root, 'docs/examples')],
  }
  writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify(config))
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  await t.notThrowsAsync(run(process.execPath, [compiler, '-p', cwd]))
})
