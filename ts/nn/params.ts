import { z } from 'zod'
import { didYouMean, ExitCode, VisslError } from '../errors.ts'

/**
 * Checks the parameters of a registrable part (loss, trunk, head, optimizer, schedule) against its schema.
 *
 * @param what names the part in messages, such as `loss "simclr_info_nce_loss"`
 * @returns the parsed parameters with defaults filled in
 * @throws VisslError that names every offending key
 */
export function parseParams<S extends z.ZodType>(what: string, schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value ?? {})
  if (result.success) return result.data
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : []
  const problems = result.error.issues.map((issue) => {
    const path = issue.path.join('.')
    if (issue.code === 'unrecognized_keys') {
      return issue.keys
        .map((key) => {
          const near = didYouMean(key, known)
          return `"${key}" is not a known key${near.length > 0 ? ` (did you mean ${near.join(' or ')}?)` : ''}`
        })
        .join('; ')
    }
    return path === '' ? issue.message : `${path}: ${issue.message}`
  })
  const fix = known.length > 0 ? `known keys: ${known.join(', ')}` : undefined
  throw new VisslError(ExitCode.usage, `parameters of ${what}: ${problems.join('; ')}`, fix)
}
