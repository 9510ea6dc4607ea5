/** What a rank tells its starter, so that a run that hangs can be explained. */
export interface Heartbeat {
  readonly type: 'heartbeat'
  /** Steps done. */
  readonly step: number
  /** What the rank is about to do: `train step`, `saving`. */
  readonly doing: string
}

/** Tells the starter, when there is one; costs nothing otherwise. */
export function heartbeat(step: number, doing: string): void {
  if (process.send === undefined || !process.connected) return
  const message: Heartbeat = { type: 'heartbeat', step, doing }
  // A starter that is gone is told of by `disconnect`.
  process.send(message, undefined, undefined, () => {})
}

/** Ends this rank when its starter is gone, however it went: nobody would wait for it or stop it any more. */
export function endWithStarter(stop: () => void): void {
  if (process.send === undefined) return
  process.once('disconnect', stop)
  // Listening must not keep a rank alive that has done its work.
  process.channel?.unref()
}
