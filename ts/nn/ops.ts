import { ops as aten } from '../engine/index.ts'
import * as functional from './functional.ts'

/** Every public ATen operator, and the functions that PyTorch has in Python only, such as `normalize`. */
export const ops: typeof aten & typeof functional = Object.assign(Object.create(null), aten, functional)
