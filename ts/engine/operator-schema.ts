import { table } from './ops.generated.ts'
import { dtypeNumbers, layoutNumbers, memoryFormatNumbers, parseDevice } from './protocol.ts'
import { Generator, Tensor, TypedNumber } from './tensor.ts'

/** One parameter of an operator, from its schema. */
export interface Parameter {
  name: string
  /** First letter of the compact type, see `codes` in scripts/generate-ops.mjs. */
  code: string
  optional: boolean
  keyword: boolean
  hasDefault: boolean
  /** `int[2]`: one number stands for the whole list. */
  listSize: number
}

/** One schema of an operator. */
export interface Overload {
  name: string
  overload: string
  parameters: Parameter[]
  positional: number
  /** Where a method's own tensor goes, -1 when the overload is no method. */
  self: number
  /** The native operator's index, -1 until the first call. */
  index: number
}

let schemaLines: Map<string, string[]> | undefined

/** The schema lines of an operator name, parsed lazily: most programs use a few dozen of the 1,500 names. */
export function linesOf(name: string): string[] {
  if (schemaLines === undefined) {
    schemaLines = new Map()
    for (const line of table.split('\n')) {
      const key = line.slice(0, line.indexOf('|'))
      const lines = schemaLines.get(key)
      if (lines === undefined) schemaLines.set(key, [line])
      else lines.push(line)
    }
  }
  return schemaLines.get(name) ?? []
}

export function operatorNames(): string[] {
  linesOf('')
  return [...schemaLines!.keys()]
}

export function parseOverload(line: string): Overload {
  const [name, overload, list] = line.split('|') as [string, string, string]
  const parameters = list === '' ? [] : list.split(',').map(parseParameter)
  const keywordAt = parameters.findIndex((parameter) => parameter.keyword)
  return {
    name,
    overload,
    parameters,
    positional: keywordAt < 0 ? parameters.length : keywordAt,
    self: parameters.findIndex((parameter) => parameter.name === 'self' && parameter.code === 'T'),
    index: -1,
  }
}

function parseParameter(text: string): Parameter {
  const [name, type] = text.split(':') as [string, string]
  return {
    name,
    code: type[0]!,
    optional: type.includes('?'),
    keyword: type.includes('*'),
    hasDefault: type.includes('='),
    listSize: Number(/\d+/.exec(type)?.[0] ?? 0),
  }
}

/** Whether a value may be given for a parameter; decides between overloads. */
export function accepts(parameter: Parameter, value: unknown): boolean {
  if (value === undefined) return parameter.hasDefault || parameter.optional
  if (value === null) return parameter.optional
  switch (parameter.code) {
    case 'T':
      return value instanceof Tensor
    case 'I':
      return (
        Number.isInteger(value) ||
        typeof value === 'bigint' ||
        (value instanceof TypedNumber && value.kind === 'int')
      )
    case 'F':
      return typeof value === 'number' || value instanceof TypedNumber
    case 'N':
      return (
        typeof value === 'number' ||
        typeof value === 'bigint' ||
        typeof value === 'boolean' ||
        value instanceof TypedNumber
      )
    case 'B':
      return typeof value === 'boolean'
    case 'S':
      return typeof value === 'string'
    case 'Y':
      return typeof value === 'string' && value in dtypeNumbers
    case 'L':
      return typeof value === 'string' && value in layoutNumbers
    case 'M':
      return typeof value === 'string' && value in memoryFormatNumbers
    case 'D':
      return typeof value === 'string' && parseDevice(value) !== null
    case 'G':
      return value instanceof Generator
    case 't':
      return Array.isArray(value) && value.every((item) => item instanceof Tensor)
    case 'u':
      return Array.isArray(value) && value.every((item) => item === null || item instanceof Tensor)
    case 'i':
      return (Array.isArray(value) && value.every(isWhole)) || (parameter.listSize > 0 && isWhole(value))
    case 'f':
    case 'n':
      return (
        (Array.isArray(value) && value.every((item) => typeof item === 'number')) ||
        (parameter.listSize > 0 && typeof value === 'number')
      )
    case 'b':
      return Array.isArray(value) && value.every((item) => typeof item === 'boolean')
    default:
      return false
  }
}

const isWhole = (value: unknown): boolean => Number.isInteger(value) || typeof value === 'bigint'

const typeNames: Record<string, string> = {
  T: 'Tensor',
  I: 'integer',
  F: 'number',
  N: 'number',
  B: 'boolean',
  S: 'string',
  Y: 'dtype',
  L: 'layout',
  M: 'memory format',
  D: 'device',
  G: 'Generator',
  t: 'Tensor[]',
  u: '(Tensor | null)[]',
  i: 'integer[]',
  f: 'number[]',
  n: 'number[]',
  b: 'boolean[]',
}

/** A parameter's type in messages. */
export const typeName = (parameter: Parameter): string => typeNames[parameter.code] ?? parameter.code
