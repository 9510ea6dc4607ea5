// Runs in Node's module hooks thread: whatever file imports `vissl` gets the running package.
import type { ResolveHook } from 'node:module'

let index = ''

export function initialize(data: { index: string }): void {
  index = data.index
}

export const resolve: ResolveHook = (name, context, next) => next(name === 'vissl' ? index : name, context)
