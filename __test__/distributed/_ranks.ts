import { fork } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('_rank.ts', import.meta.url))

/** A port of this machine that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

/** Runs a job of _rank.ts in processes of their own; gives what each sent, by rank. */
export async function ranks<T>(size: number, job: string, rendezvous: Record<string, string>): Promise<T[]> {
  return Promise.all(
    Array.from({ length: size }, (_, rank) => {
      const child = fork(script, [job], {
        execArgv: ['--import=@oxc-node/core/register'],
        env: { ...process.env, ...rendezvous, RANK: String(rank), WORLD_SIZE: String(size) },
      })
      return new Promise<T>((done, fail) => {
        let result: T
        child.on('message', (message) => {
          result = message as T
        })
        child.on('exit', (code) =>
          code === 0 ? done(result) : fail(new Error(`rank ${rank} ended with ${code}`)),
        )
      })
    }),
  )
}
