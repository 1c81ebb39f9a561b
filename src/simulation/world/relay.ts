import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Passing = { method: string; path: string; headers: IncomingHttpHeaders; body: Buffer }
/** `headers` without those that are about the connection. */
export type Answer = { status: number; headers: [string, string][]; body: Buffer }

type Relay = { url: string; close(): Promise<void> }

/**
 * Stands on this machine between two who talk over HTTP.
 * @param pass answers a request, by sending it on (`forward`), or in whatever other way
 */
export async function openRelay(pass: (passing: Passing) => Promise<Answer>): Promise<Relay> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part) => parts.push(part))
    request.on('end', () => {
      const { method = 'GET', url: path = '/', headers } = request
      pass({ method, path, headers, body: Buffer.concat(parts) }).then(
        ({ status, headers, body }) => {
          for (const [name, value] of headers) response.setHeader(name, value)
          response.writeHead(status).end(body)
        },
        () => response.destroy(),
      )
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** @throws when nobody answers there */
export async function forward({ method, path, headers, body }: Passing, origin: string): Promise<Answer> {
  const sent = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    ofConnection.has(name) || value === undefined ? [] : [[name, String(value)]],
  )
  const response = await fetch(new URL(path, origin), {
    method,
    headers: sent,
    ...(method === 'GET' || method === 'HEAD' ? {} : { body: new Uint8Array(body) }),
    redirect: 'manual',
  })
  return {
    status: response.status,
    headers: [...response.headers].filter(([name]) => !ofConnection.has(name)),
    body: Buffer.from(await response.arrayBuffer()),
  }
}

export const answer = (status: number, text = ''): Answer => ({
  status,
  headers: [],
  body: Buffer.from(text),
})

const ofConnection = new Set([
  ...['connection', 'content-encoding', 'content-length', 'host', 'keep-alive', 'transfer-encoding'],
])
