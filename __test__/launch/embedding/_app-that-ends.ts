// An app that ends in the middle of training, without a word to the run: as a closed window does.
import { train } from '../../../ts/launch/embedding/train.ts'
import { ENDLESS, small } from './_app.ts'

const run = train({ config: 'quickstart', overrides: [...small, ENDLESS], cwd: process.argv[2]! })
for await (const event of run) {
  if (event.type !== 'step' || event.step < 3) continue
  process.stdout.write(`${run.pid} ${run.folder}\n`, () => process.exit(0))
  break
}
