export * from './clustering.ts'
export * from './contrastive.ts'
export * from './joint-embedding.ts'
export * from './labels.ts'
