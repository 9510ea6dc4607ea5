// Runs in a worker of runtime.test.ts: leaves a tensor alive and says how many it sees.
import { parentPort } from 'node:worker_threads'
import { ops, stats } from '../../ts/engine/index.ts'

const hold = ops.ones([3])
parentPort!.postMessage([stats().tensors, hold.shape])
