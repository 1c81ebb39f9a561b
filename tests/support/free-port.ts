import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below what the system gives to those who ask for any port, and each process of the tests begins at its own place. */
const [first, count] = [13_000, 19_000]
let next = (process.pid * 131) % count

/**
 * A port for a process that listens in a moment, or comes back on the same one. The system gives none of these to a
 * client's connection meanwhile.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + next
    next = (next + 1) % count
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
