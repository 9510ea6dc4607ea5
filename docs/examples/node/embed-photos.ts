// Learns from a folder of photos and tells, for each, which other one it resembles most.
//
//   node --import @oxc-node/core/register docs/examples/node/embed-photos.ts ./photos config.OPTIMIZER.num_epochs=5
//
// Ctrl-C, and closing the terminal, save a checkpoint.
import { readdirSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { load, train, VisslError } from 'vissl'

const [folder, ...overrides] = process.argv.slice(2)
if (folder === undefined) {
  console.error('give a folder of images')
  process.exit(2)
}

try {
  const run = train({ data: resolve(folder), overrides })
  for await (const event of run) {
    if (event.type === 'step') {
      const percent = Math.round(event.done * 100)
      console.log(`epoch ${event.epoch}  ${percent} %  loss ${event.loss.toFixed(3)}`)
    } else if (event.type === 'log' && event.level !== 'info') console.error(event.message)
  }
  const { checkpoint } = await run.done

  using model = await load(checkpoint)
  const files = readdirSync(folder)
    .filter((name) => /\.(jpe?g|png|webp)$/i.test(name))
    .map((name) => join(folder, name))
  const vectors = await model.embed(files)
  for (const [i, file] of files.entries()) {
    const nearest = nearestTo(vectors, model.width, i)
    console.log(`${basename(file)} resembles ${basename(files[nearest]!)}`)
  }
} catch (error) {
  if (!(error instanceof VisslError)) throw error
  console.error(`${error.message}\n${error.fix ?? ''}`)
  process.exitCode = error.exitCode
}

/** The other vector at the smallest angle to vector `i`. */
function nearestTo(vectors: Float32Array, width: number, i: number): number {
  const vectorOf = (j: number) => vectors.subarray(j * width, (j + 1) * width)
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, k) => sum + value * b[k]!, 0)
  const own = vectorOf(i)
  let [best, likeness] = [i, Number.NEGATIVE_INFINITY]
  for (let j = 0; j < vectors.length / width; j++) {
    if (j === i) continue
    const other = vectorOf(j)
    const cosine = dot(own, other) / Math.sqrt(dot(own, own) * dot(other, other))
    if (cosine > likeness) [best, likeness] = [j, cosine]
  }
  return best
}
