import { isIPv6 } from 'node:net'
import { serve as listen, type ServerType } from '@hono/node-server'
import type { Config } from '../config.ts'

/** For the running requests. */
const requestsMs = 5_000

type Handler = (request: Request, env: object) => Response | Promise<Response>

export function listening(config: Config, fetch: Handler): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const server = listen(
      {
        fetch,
        port: config.port,
        hostname: config.host,
        // The app itself answers a slow body; this is for headers that never end.
        serverOptions: { requestTimeout: 60_000, headersTimeout: 20_000 },
      },
      () => resolve(server),
    )
    server.on('error', reject)
  })
}

/** The service's address for who is on its machine. */
export function ownOrigin({ host }: Pick<Config, 'host'>, port: number): string {
  const isEveryAddress = host === '0.0.0.0' || /^[0:]+$/.test(host)
  const name = isEveryAddress ? '127.0.0.1' : isIPv6(host) ? `[${host}]` : host
  return `http://${name}:${port}`
}

/** Waits for the running requests, for a while. */
export function closed(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    // A stream's connection is idle only when the stream has ended, which is after the first look.
    const looking = setInterval(() => {
      if ('closeIdleConnections' in server) server.closeIdleConnections()
    }, 50)
    const impatient = setTimeout(
      () => 'closeAllConnections' in server && server.closeAllConnections(),
      requestsMs,
    )
    server.close(() => {
      clearInterval(looking)
      clearTimeout(impatient)
      resolve()
    })
  })
}
