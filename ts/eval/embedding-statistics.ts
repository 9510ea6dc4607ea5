import { noGrad, ops, scope, type Tensor } from '../engine/index.ts'
import { functional } from '../nn/index.ts'

/** How a set of embeddings lies in its space. */
export interface EmbeddingStatistics {
  /**
   * Mean standard deviation of the coordinates of the normalised embeddings, times √D: near 1 when they point
   * everywhere, 0 when all are the same.
   */
  readonly spread: number
  /** Effective number of dimensions in use: RankMe (Garrido et al. 2023, arXiv:2210.02885). */
  readonly rank: number
  /** The most that the rank can be: min(N, D). */
  readonly rankLimit: number
  /** log E exp(−2‖x−y‖²) of different images on the unit sphere; −4 to 0, lower is more even (arXiv:2005.10242). */
  readonly uniformity: number
  /** E‖x−x⁺‖² of two views of an image on the unit sphere, 0 to 4; undefined where there is one view. */
  readonly alignment: number | undefined
}

/**
 * Measures embeddings.
 *
 * @param embeddings N×D, one an image, N at least 2; rows that are not finite make every number NaN
 * @param positives N×D, another view of the same images
 */
export function embeddingStatistics(embeddings: Tensor, positives?: Tensor): EmbeddingStatistics {
  return noGrad(() =>
    scope(() => {
      const [count = 0, width = 0] = embeddings.shape
      const rows = toDouble(embeddings)
      const unit = functional.normalize(rows)
      const spread = unit.std(0, false).mean().item() * Math.sqrt(width)
      // Squared distances on the sphere are 2 − 2·cosine; each pair counts twice, and the diagonal not at all.
      const closeness = unit.mm(unit.t()).mul(4).sub(4).exp().fill_diagonal_(0)
      return {
        spread,
        rank: rankMe(rows),
        rankLimit: Math.min(count, width),
        uniformity: Math.log(closeness.sum().item() / (count * (count - 1))),
        alignment:
          positives === undefined
            ? undefined
            : unit
                .sub(functional.normalize(toDouble(positives)))
                .pow(2)
                .sum([1])
                .mean()
                .item(),
      }
    }),
  )
}

const toDouble = (tensor: Tensor): Tensor => tensor.detach().to({ device: 'cpu', dtype: 'float64' })

/** exp of the entropy of the normalised singular values, from the eigenvalues of the smaller Gram matrix. */
function rankMe(rows: Tensor): number {
  const [count = 0, width = 0] = rows.shape
  const gram = count < width ? rows.mm(rows.t()) : rows.t().mm(rows)
  if (gram.isfinite().all().item() === 0) return Number.NaN
  const singular = ops.linalg_eigvalsh(gram).clamp_min(0).sqrt()
  const total = singular.sum().item()
  if (total === 0) return 0
  const share = singular.div(total).add(1e-7)
  return Math.exp(-share.mul(share.log()).sum().item())
}
