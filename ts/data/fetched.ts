import { ExitCode, VisslError } from '../errors.ts'
import { type FetchOptions, fetchFashionMnist } from './fashion-mnist.ts'

/** A data set that is fetched by its name. */
export interface FetchedDataset {
  /** One line. */
  readonly summary: string
  /** @returns the folder @throws VisslError with what was tried when it cannot be had */
  fetch(options: FetchOptions): Promise<string>
}

/** What `vissl data get` fetches. */
export const fetchedDatasets: Readonly<Record<string, FetchedDataset>> = {
  fashion_mnist: {
    summary: '70,000 gray images of clothes, 28×28, 10 classes (idx)',
    async fetch(options) {
      const found = await fetchFashionMnist(options)
      if (found.folder !== null) return found.folder
      throw new VisslError(
        ExitCode.environment,
        `Fashion-MNIST cannot be fetched:${found.reasons.map((reason) => `\n  ${reason}`).join('')}`,
        'check the network, or give the folder with its four files: vissl data get fashion_mnist --from FOLDER',
      )
    },
  },
}
