import type { Server as HttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { isLoopback } from './loopback.ts'

/**
 * Makes `server` listen. A loopback host stands for this machine: ::1 and the loopback addresses that are in use
 * anywhere. A server has one address or all of them, and all would open the port to the network: so each address but the
 * first has a listener of its own that hands its connections over.
 * @param port 0 takes one that is free on all of them
 * @returns the port, and the way to stop listening
 * @throws EADDRINUSE when the port is taken on one of them
 */
export async function listenOn(
  server: HttpServer,
  { host, port }: { host: string; port: number },
): Promise<{ port: number; close: () => Promise<void> }> {
  const [first, ...others] = isLoopback(host) ? loopbackAddresses : [host]
  for (let attempt = 1; ; attempt += 1) {
    const listeners: Server[] = []
    const close = async () => void (await Promise.all(listeners.map(closed)))
    try {
      listeners.push(await listening(server, port, first))
      const { port: taken } = server.address() as AddressInfo
      for (const address of others) {
        const other = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
          server.emit('connection', socket),
        )
        listeners.push(...(await listening(other, taken, address).then((one) => [one], whereThereIsNone)))
      }
      return { port: taken, close }
    } catch (error) {
      await close()
      // A free port of one address may be taken on another.
      if (port !== 0 || attempt === 10 || codeOf(error) !== 'EADDRINUSE') throw error
    }
  }
}

/** The first of 127.0.0.0/8, what Debian calls a machine by its own name, and `localhost` of IPv6. */
const loopbackAddresses: [string, ...string[]] = [
  '127.0.0.1',
  ...Array.from({ length: 15 }, (_, index) => `127.0.0.${index + 2}`),
  '127.0.1.1',
  '::1',
]

function listening(server: Server, port: number, address: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}

/** A Mac has 127.0.0.1 alone, a container may have no IPv6. */
function whereThereIsNone(error: unknown): [] {
  if (['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'].includes(codeOf(error))) return []
  throw error
}

/** Listens no more. Open connections are the HTTP server's, whose own close waits for them. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : '')
