import { setImmediate as yieldToEvents } from 'node:timers/promises'
import type { TrainingCommand, TrainingEvent, TrainingMessage } from './training-event.ts'

/** Set to `1` for the process that an app starts, and for the ranks that this one starts. */
export const EVENTS_VARIABLE = 'VISSL_EVENTS'

/** Messages on their way above which steps are thinned out. */
const CROWDED = 64

let onTheWay = 0
/** The newest step that was held back. */
let heldBack: TrainingMessage | undefined

/** What the app has asked for: whether to pause, and how many pauses and saves are not answered yet. */
export const wishes = { pause: false, pauses: 0, saves: 0 }

/** Whether an app started the run of which this process is a part. */
export const isForApp = (): boolean => process.env[EVENTS_VARIABLE] === '1' && process.send !== undefined

/** Whether it still listens. */
const hasApp = (): boolean => isForApp() && process.connected

/** Tells the app what happens; costs nothing where there is none. */
export function tellEvent(event: TrainingEvent): void {
  tellApp({ type: 'event', event })
}

/**
 * Sends a message to the app. Where the app does not keep up, steps are left out but for the newest, so that neither
 * side has to remember more than a few.
 */
export function tellApp(message: TrainingMessage): void {
  if (!hasApp()) return
  const isStep = message.type === 'event' && message.event.type === 'step'
  if (isStep && onTheWay >= CROWDED) {
    heldBack = message
    return
  }
  const before = heldBack
  heldBack = undefined
  if (before !== undefined && !isStep) send(before)
  send(message)
}

function send(message: TrainingMessage): void {
  onTheWay++
  // Failing means that the app is gone, which `disconnect` tells.
  process.send!(message, undefined, undefined, () => {
    onTheWay--
    const next = heldBack
    if (next === undefined || onTheWay >= CROWDED) return
    heldBack = undefined
    if (hasApp()) send(next)
  })
}

/**
 * Begins to take the app's commands: wishes are noted, `stop` and an app that goes away call `stop`.
 *
 * @param passOn told every other command too
 * @returns settled when what the app has said so far has been taken
 */
export async function listenToApp(
  stop: () => void,
  passOn: (command: TrainingCommand) => void = () => {},
): Promise<void> {
  if (!isForApp()) return
  if (!process.connected) {
    stop()
    return
  }
  process.on('message', (message) => {
    if ((message as TrainingCommand | null)?.type !== 'command') return
    const { command } = message as TrainingCommand
    if (command === 'stop') stop()
    else if (command === 'save') wishes.saves++
    else {
      wishes.pause = command === 'pause'
      wishes.pauses = wishes.pause ? wishes.pauses + 1 : 0
    }
    if (command !== 'stop') passOn(message as TrainingCommand)
  })
  process.once('disconnect', stop)
  // Listening must not keep a process alive that has done its work.
  process.channel?.unref()
  await yieldToEvents()
}
