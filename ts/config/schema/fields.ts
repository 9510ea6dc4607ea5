import { z } from 'zod'
import { markOpen } from './open.ts'

// Generated parsers take longer to compile than one configuration takes to check.
z.config({ jitless: true })

/**
 * A block of the configuration. Missing blocks and keys get their defaults; keys that the block does not know are
 * kept (the composer reports them), but have no type.
 */
export function group<S extends z.ZodRawShape>(shape: S, description: string) {
  return wrap(z.looseObject(shape) as unknown as z.ZodObject<S>, description)
}

/** A {@link group} that may hold keys beside the listed ones, such as the parameters of parts not listed here. */
export function openGroup<S extends z.ZodRawShape>(shape: S, description: string) {
  return wrap(markOpen(z.looseObject(shape)), description)
}

function wrap<T extends z.ZodObject>(object: T, description: string) {
  return described(object.prefault({} as never), description)
}

/** Like `describe`, without the copy of the schema that zod makes. */
export function described<T extends z.ZodType>(schema: T, description: string): T {
  z.globalRegistry.add(schema, { description })
  return schema
}

/** A map with free keys. */
export function freeMap(description: string) {
  return described(z.record(z.string(), z.unknown()).default({}), description)
}

/** Marks the description of a key that VISSL does not have. */
export function own(description: string): string {
  return `${description} (not in VISSL)`
}

export const flag = (value: boolean, description: string) =>
  described(z.boolean().default(value), description)

export const text = (value: string, description: string) => described(z.string().default(value), description)

export const texts = (value: string[], description: string) =>
  described(z.array(z.string()).default(value), description)

export const integer = (value: number, description: string) => described(z.int().default(value), description)

/** A whole number of at least 1. */
export const count = (value: number, description: string) =>
  described(z.int().min(1).default(value), description)

export const integers = (value: number[], description: string) =>
  described(z.array(z.int()).default(value), description)

export const real = (value: number, description: string) => described(z.number().default(value), description)

/** A number of at least 0. */
export const nonNegative = (value: number, description: string) =>
  described(z.number().min(0).default(value), description)

/** A number above 0. */
export const positive = (value: number, description: string) =>
  described(z.number().positive().default(value), description)

export const reals = (value: number[], description: string) =>
  described(z.array(z.number()).default(value), description)

/** One of a few words. */
export const choice = <const T extends readonly [string, ...string[]]>(
  values: T,
  value: NoInfer<T[number]>,
  description: string,
) => described(z.enum(values).default(value as never), description)
