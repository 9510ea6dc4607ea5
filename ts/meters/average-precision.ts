/**
 * Average precision of one class: the area under the precision-recall curve, whose precision is made to fall
 * (VOC 2010 and later). Samples with equal scores count later ones first.
 *
 * @param scores one for each sample
 * @param labels 1: of the class, 0: not, −1: left out
 * @returns in [0, 1]; NaN when no sample is of the class
 */
export function averagePrecision(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order: number[] = []
  for (let i = 0; i < labels.length; i++) if (labels[i] !== -1) order.push(i)
  order.sort((a, b) => scores[b]! - scores[a]! || b - a)
  const precisions: number[] = []
  let found = 0
  for (const [place, index] of order.entries()) {
    if (labels[index] !== 1) continue
    found++
    precisions.push(found / (place + 1))
  }
  if (found === 0) return Number.NaN
  // Recall grows by 1 / found at each of them, and the precision there is the best one from there on.
  let best = 0
  let area = 0
  for (const precision of precisions.toReversed()) {
    best = Math.max(best, precision)
    area += best / found
  }
  return area
}
