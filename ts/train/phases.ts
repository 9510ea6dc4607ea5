/** One pass over a split. */
export interface Phase {
  readonly train: boolean
}

/** The configuration keys that decide on the phases. */
export interface PhaseOptions {
  readonly epochs: number
  readonly testOnly: boolean
  readonly testModel: boolean
  /** A test follows every n-th epoch, and the last. */
  readonly testEvery: number
}

/**
 * The passes of a run in order: training epochs, each followed by a test where one is due (epoch 0 always is), or test
 * passes alone.
 */
export function buildPhases({ epochs, testOnly, testModel, testEvery }: PhaseOptions): Phase[] {
  const phases: Phase[] = []
  for (let epoch = 0; epoch < epochs; epoch++) {
    if (!testOnly) phases.push({ train: true })
    const due = testOnly || epoch % testEvery === 0 || epoch === epochs - 1
    if (testModel && due) phases.push({ train: false })
  }
  return phases
}
