/** Times of a run's batches, seconds, training and test ones together; the newest ones singly. */
export class BatchTimes {
  count = 0
  #total = 0
  readonly #recent: number[] = []

  /** Most batches that {@link recentMean} can look back. */
  static readonly window = 1000

  add(seconds: number): void {
    this.count++
    this.#total += seconds
    this.#recent.push(seconds)
    if (this.#recent.length > BatchTimes.window) this.#recent.shift()
  }

  /** Mean of all; 0 without any. */
  get mean(): number {
    return this.count === 0 ? 0 : this.#total / this.count
  }

  /** Mean of the last `count` batches, or of as many as there are. */
  recentMean(count: number): number {
    const last = this.#recent.slice(-count)
    return last.length === 0 ? 0 : last.reduce((sum, seconds) => sum + seconds, 0) / last.length
  }
}
