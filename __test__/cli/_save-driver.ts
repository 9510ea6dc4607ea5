// Saves one checkpoint after another into the working folder, as a run does, until it is killed.
import { iterationName, LINK_NAME, newestCheckpoint, pointLink } from '../../ts/checkpoint/names.ts'
import { keepNewest } from '../../ts/checkpoint/retention.ts'
import { StoredTensor, saveTorchFileLater } from '../../ts/checkpoint/torch-file.ts'

const folder = process.cwd()
const begun = Number(/(\d+)\.torch$/.exec(newestCheckpoint(folder) ?? LINK_NAME)?.[1] ?? 0)
for (let iteration = begun + 1; ; iteration++) {
  const weight = new Float32Array(500_000).fill(iteration)
  const tensor = new StoredTensor('float32', [weight.length], new Uint8Array(weight.buffer))
  await saveTorchFileLater(`${folder}/${iterationName(iteration)}`, { iteration, weight: tensor })
  pointLink(folder, iterationName(iteration))
  keepNewest(folder, 3, iteration)
  process.stdout.write(`saved ${iteration}\n`)
}
