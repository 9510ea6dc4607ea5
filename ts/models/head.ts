import type { z } from 'zod'
import type { Tensor } from '../engine/index.ts'
import { Module } from '../nn/index.ts'
import { Registry } from '../registry.ts'
import type { ModelParams } from './params.ts'

/** What a head takes: one feature, or the outputs of a head before it. */
export type HeadInput = Tensor | readonly Tensor[]

/**
 * The part of a model between the features and the loss. Subclasses give `static key` (the name in
 * `MODEL.HEAD.PARAMS`) and `static params` (a zod schema of the parameters beside the name; strict, so that a
 * mistyped name is an error).
 */
export abstract class Head extends Module {
  abstract override forward(input: HeadInput): Tensor | Tensor[]
}

/** A registrable head. Its constructor is given what its own schema makes of the parameters. */
export interface HeadClass {
  readonly key: string
  readonly params: z.ZodType
  new (params: never, model: Pick<ModelParams, 'HEAD'>): Head
}

/** Heads by the name in `MODEL.HEAD.PARAMS`. */
export const heads = new Registry<HeadClass>('head')
