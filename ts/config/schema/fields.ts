import { z } from 'zod'

const openGroups = new WeakSet<object>()

/**
 * A block of the configuration. Missing blocks and keys get their defaults; keys that the block does not know are
 * kept (the composer reports them), but have no type.
 */
export function group<S extends z.ZodRawShape>(shape: S, description: string) {
  return wrap(z.looseObject(shape) as unknown as z.ZodObject<S>, description)
}

/** A {@link group} that may hold keys beside the listed ones, such as the parameters of parts not listed here. */
export function openGroup<S extends z.ZodRawShape>(shape: S, description: string) {
  const object = z.looseObject(shape)
  openGroups.add(object)
  return wrap(object, description)
}

function wrap<T extends z.ZodObject>(object: T, description: string) {
  return object.prefault({} as never).describe(description)
}

/** Whether unknown keys of the object schema are expected. */
export function isOpen(schema: z.ZodType): boolean {
  return openGroups.has(schema)
}

/** A map with free keys. */
export function freeMap(description: string) {
  return z.record(z.string(), z.unknown()).default({}).describe(description)
}

/** Marks the description of a key that VISSL does not have. */
export function own(description: string): string {
  return `${description} (not in VISSL)`
}

export const flag = (value: boolean, description: string) => z.boolean().default(value).describe(description)

export const text = (value: string, description: string) => z.string().default(value).describe(description)

export const texts = (value: string[], description: string) =>
  z.array(z.string()).default(value).describe(description)

export const integer = (value: number, description: string) => z.int().default(value).describe(description)

/** A whole number of at least 1. */
export const count = (value: number, description: string) =>
  z.int().min(1).default(value).describe(description)

export const integers = (value: number[], description: string) =>
  z.array(z.int()).default(value).describe(description)

export const real = (value: number, description: string) => z.number().default(value).describe(description)

/** A number of at least 0. */
export const nonNegative = (value: number, description: string) =>
  z.number().min(0).default(value).describe(description)

/** A number above 0. */
export const positive = (value: number, description: string) =>
  z.number().positive().default(value).describe(description)

export const reals = (value: number[], description: string) =>
  z.array(z.number()).default(value).describe(description)

/** One of a few words. */
export const choice = <const T extends readonly [string, ...string[]]>(
  values: T,
  value: NoInfer<T[number]>,
  description: string,
) =>
  z
    .enum(values)
    .default(value as never)
    .describe(description)
