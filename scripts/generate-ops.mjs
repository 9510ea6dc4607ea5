// Writes ts/engine/ops.generated.ts: the schema table and the types of every ATen operator of this libtorch.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)

/** Schema type → [code of the table, TypeScript type of an argument]. */
const codes = {
  Tensor: ['T', 'Tensor'],
  int: ['I', 'Int'],
  SymInt: ['I', 'Int'],
  float: ['F', 'Float'],
  bool: ['B', 'boolean'],
  Scalar: ['N', 'Scalar'],
  number: ['N', 'Scalar'],
  str: ['S', 'string'],
  ScalarType: ['Y', 'DType'],
  Layout: ['L', 'Layout'],
  MemoryFormat: ['M', 'MemoryFormat'],
  Device: ['D', 'Device'],
  Generator: ['G', 'Generator'],
  'List[Tensor]': ['t', 'readonly Tensor[]'],
  'List[Optional[Tensor]]': ['u', 'readonly (Tensor | null)[]'],
  'List[int]': ['i', 'readonly Int[]'],
  'List[SymInt]': ['i', 'readonly Int[]'],
  'List[float]': ['f', 'readonly number[]'],
  'List[bool]': ['b', 'readonly boolean[]'],
  'List[number]': ['n', 'readonly number[]'],
  'List[Scalar]': ['n', 'readonly number[]'],
}

const resultTypes = {
  Tensor: 'Tensor',
  int: 'number',
  SymInt: 'number',
  float: 'number',
  bool: 'boolean',
  number: 'number | boolean',
  Scalar: 'number | boolean',
  'List[Tensor]': 'Tensor[]',
  'List[int]': 'number[]',
}

const reservedWords = new Set([
  'var',
  'import',
  'export',
  'delete',
  'in',
  'function',
  'default',
  'with',
  'new',
  'class',
])

function parameterOf(argument) {
  const optional = /^Optional\[(.*)\]$/.exec(argument.type)
  const type = optional ? optional[1] : argument.type
  const known = codes[type]
  return known && { ...argument, code: known[0], ts: known[1], optional: optional !== null }
}

/** Only operators whose internals do not trust their caller are public. */
const isPublic = (name) => !name.startsWith('_') && !name.endsWith('_backward') && !name.startsWith('native_')

/** Tensor before number before the rest, so that the first overload that fits is the one PyTorch takes. */
function overloadOrder(a, b) {
  const rank = ({ overload }) =>
    overload === '' ? 0 : overload.includes('out') ? 3 : overload.startsWith('Tensor') ? 1 : 2
  return (
    rank(a) - rank(b) || a.parameters.length - b.parameters.length || a.overload.localeCompare(b.overload)
  )
}

function readOperators() {
  const record = JSON.parse(readFileSync(`${root}native/libtorch.json`, 'utf8'))
  const host = require(`${root}native/host.node`)
  for (const path of record.preload) host.loadLibrary(path)
  const operators = new Map()
  let unreachable = 0
  for (const line of require(`${root}native/vissl.node`).schemas().trim().split('\n')) {
    const schema = JSON.parse(line)
    const parameters = schema.arguments.map(parameterOf)
    if (
      parameters.includes(undefined) ||
      schema.results.some(
        (result) => resultTypes[result.type.replace(/^Optional\[(.*)\]$/, '$1')] === undefined,
      )
    ) {
      unreachable++
      continue
    }
    if (!operators.has(schema.name)) operators.set(schema.name, [])
    operators.get(schema.name).push({ ...schema, parameters })
  }
  for (const overloads of operators.values()) overloads.sort(overloadOrder)
  return { operators: new Map([...operators].sort(([a], [b]) => (a < b ? -1 : 1))), unreachable }
}

function tableLine({ name, overload, parameters }) {
  const list = parameters.map(
    (p) =>
      `${p.name}:${p.code}${p.size || ''}${p.optional ? '?' : ''}${p.keyword ? '*' : ''}${p.required ? '' : '='}`,
  )
  return `${name}|${overload}|${list.join(',')}`
}

function typeOf(p) {
  const base = p.size > 0 && (p.code === 'i' || p.code === 'f') ? `${p.ts} | number` : p.ts
  return p.optional ? `${base} | null` : base
}

const safeName = (name) => (reservedWords.has(name) ? `${name}_` : name)

function signature({ parameters, results }, method) {
  const skip = method ? parameters.findIndex((p) => p.name === 'self' && p.code === 'T') : -1
  const positional = parameters.filter((p, k) => !p.keyword && k !== skip)
  const canMiss = (p) => !p.required || p.optional
  let lastRequired = -1
  positional.forEach((p, k) => {
    if (!canMiss(p)) lastRequired = k
  })
  const keyword = parameters.filter((p) => p.keyword)
  const list = positional.map(
    (p, k) =>
      `${safeName(p.name)}${k > lastRequired ? '?' : ''}: ${typeOf(p)}${k <= lastRequired && canMiss(p) ? ' | undefined' : ''}`,
  )
  const named = [
    ...positional.slice(lastRequired + 1).map((p) => `${p.name}?: ${typeOf(p)}`),
    ...keyword.map((p) => `${p.name}${canMiss(p) ? '?' : ''}: ${typeOf(p)}`),
  ]
  const result =
    results.length === 0
      ? 'void'
      : results.length === 1
        ? resultType(results[0])
        : `[${results.map(resultType).join(', ')}]`
  const signatures = []
  const required = keyword.some((p) => !canMiss(p))
  if (named.length === 0) signatures.push(`(${list.join(', ')}): ${result}`)
  else {
    // Options may follow the required arguments at once, or all positional ones.
    const options = `{ ${named.join('; ')} }`
    const short = list.slice(0, lastRequired + 1)
    signatures.push(`(${[...short, `options${required ? '' : '?'}: ${options}`].join(', ')}): ${result}`)
    if (lastRequired + 1 < positional.length) {
      const keywordOptions =
        keyword.length > 0
          ? [
              `options${required ? '' : '?'}: { ${keyword.map((p) => `${p.name}${canMiss(p) ? '?' : ''}: ${typeOf(p)}`).join('; ')} }`,
            ]
          : []
      const full = required ? list.map((item) => item.replace(/\?: (.*)$/, ': $1 | undefined')) : list
      signatures.push(`(${[...full, ...keywordOptions].join(', ')}): ${result}`)
    }
  }
  return signatures
}

const resultType = ({ type }) => {
  const inner = type.replace(/^Optional\[(.*)\]$/, '$1')
  return inner === type ? resultTypes[type] : `${resultTypes[inner]} | null`
}

function members(operators, method, wanted) {
  const lines = []
  for (const [name, overloads] of operators) {
    if (!wanted(name)) continue
    for (const overload of overloads) {
      if (method && !overload.parameters.some((p) => p.name === 'self' && p.code === 'T')) continue
      for (const text of signature(overload, method)) lines.push(`  ${name}${text}`)
    }
  }
  return lines.join('\n')
}

/** Members of the class itself, which the generated methods must not replace. */
const ownMembers = /** @type {Set<string>} */ (
  new Set([
    'to',
    'item',
    'numel',
    'backward',
    'grad',
    'shape',
    'dtype',
    'device',
    'keep',
    'free',
    'describe',
    'bytes',
  ])
)

const { operators, unreachable } = readOperators()
const text = `// Generated by scripts/generate-ops.mjs from the operator schemas of libtorch. Do not edit.
import type { Device, DType, Layout, MemoryFormat } from './protocol.ts'
import type { Generator, Tensor, TypedNumber } from './tensor.ts'

type Int = number | bigint
type Float = number | TypedNumber
type Scalar = number | bigint | boolean | TypedNumber

/** Every public operator with a \`self\`, as a method. */
export interface TensorOperators {
${members(operators, true, (name) => isPublic(name) && !ownMembers.has(name))}
}

/** Every public operator, as a function. */
export interface Operators {
${members(operators, false, isPublic)}
}

/** Operators whose kernels trust their caller: check shapes and dtypes before calling one. */
export interface InternalOperators {
${members(operators, false, (name) => !isPublic(name))}
}

/** One line an overload: name|overload|parameters. */
export const table = \`${[...operators.values()].flat().map(tableLine).join('\n')}\`
`
writeFileSync(`${root}ts/engine/ops.generated.ts`, text)
const overloads = [...operators.values()].flat().length
console.log(`${operators.size} operators, ${overloads} overloads, ${unreachable} out of reach`)
