import { z } from 'zod'

const headSpec = z.tuple([z.string(), z.record(z.string(), z.unknown())])

/**
 * The `MODEL` block of the configuration, as far as trunks, heads and the model that joins them read it. Keys that
 * only other parts of the program read pass through.
 */
export const modelParams = z.looseObject({
  TRUNK: z.looseObject({
    NAME: z.string().describe('name of a registered trunk'),
    TRUNK_PARAMS: z.record(z.string(), z.unknown()).default({}).describe('parameters by trunk section'),
  }),
  HEAD: z
    .looseObject({
      PARAMS: z
        .array(z.union([headSpec, z.array(headSpec)]))
        .default([])
        .describe('heads as [name, parameters]; a list of such pairs is one head made of a chain'),
      BATCHNORM_EPS: z.number().positive().default(1e-5).describe('eps of batch normalisation in heads'),
      BATCHNORM_MOMENTUM: z.number().default(0.1).describe('momentum of batch normalisation in heads'),
      PARAMS_MULTIPLIER: z
        .number()
        .default(1)
        .describe('factor on freshly initialised linear layers of mlp heads'),
    })
    .prefault({}),
  INPUT_TYPE: z
    .enum(['rgb', 'bgr', 'lab'])
    .default('rgb')
    .describe('channels the trunk is given: bgr reverses them inside, lab keeps the first'),
  SINGLE_PASS_EVERY_CROP: z
    .boolean()
    .default(false)
    .describe('one trunk pass for each crop of a multi-crop batch'),
  MULTI_INPUT_HEAD_MAPPING: z
    .array(z.tuple([z.string(), z.array(z.string())]))
    .default([])
    .describe('for batches that are maps: the key and the trunk features of each head'),
  NON_TRAINABLE_PARAMS: z.array(z.string()).default([]).describe('names of parameters that are not trained'),
  FEATURE_EVAL_SETTINGS: z
    .looseObject({
      EVAL_MODE_ON: z.boolean().default(false).describe('whether the settings of this block apply'),
      FREEZE_TRUNK_ONLY: z.boolean().default(false).describe('train the heads alone'),
      FREEZE_TRUNK_AND_HEAD: z.boolean().default(false).describe('train nothing'),
      EXTRACT_TRUNK_FEATURES_ONLY: z.boolean().default(false).describe('return trunk features, run no head'),
    })
    .prefault({}),
})

/** {@link modelParams} with defaults filled in. */
export type ModelParams = z.output<typeof modelParams>
/** {@link modelParams} as written. */
export type ModelInput = z.input<typeof modelParams>
