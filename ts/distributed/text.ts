import { fromBytes, scope, tensor } from '../engine/index.ts'
import type { ProcessGroup } from './process-group.ts'

/** The text of process `root`, in every process of the group. */
export function broadcastText(group: ProcessGroup, text: string, root = 0): string {
  if (group.size === 1) return text
  return scope(() => {
    const own = new TextEncoder().encode(text)
    const length = tensor([own.length], { dtype: 'int64' })
    group.broadcast(length, root)
    const bytes = group.rank === root ? own : new Uint8Array(Number(length.item()))
    // An empty tensor has nothing to send.
    if (bytes.length === 0) return ''
    const sent = fromBytes(bytes, [bytes.length], 'uint8')
    group.broadcast(sent, root)
    return new TextDecoder().decode(sent.toBytes())
  })
}
