import type { z } from 'zod'
import { modelSchema } from '../config/schema/model.ts'

/** The `MODEL` block of the configuration. */
export const modelParams = modelSchema

/** {@link modelParams} with defaults filled in. */
export type ModelParams = z.output<typeof modelParams>
/** {@link modelParams} as written: missing keys get their defaults. */
export type ModelInput = NonNullable<z.input<typeof modelParams>>
