// A run that, once it is asked to stop, never finishes stopping: only a second Ctrl-C ends it.
import { runTiny } from '../train/_run.ts'

await runTiny(process.cwd(), {
  overrides: ['config.OPTIMIZER.num_epochs=100000'],
  hooks: [
    {
      name: 'stuck',
      onPhaseStart: () => console.log('training'),
      onStop: () => {
        console.log('stuck')
        setInterval(() => {}, 60_000)
        return new Promise(() => {})
      },
    },
  ],
})
