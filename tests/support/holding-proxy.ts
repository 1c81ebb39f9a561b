import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type HoldingProxy = {
  url: string
  /**
   * Holds the next request of this kind: `before` it reaches the target, or `after` the target has done it and before
   * its answer comes back. Resolves at that moment; the answer never comes.
   */
  hold(method: string, path: string, point: 'before' | 'after'): Promise<void>
  /** Answers the next request of this kind itself. */
  answer(method: string, path: string, status: number, body: object): void
  close(): Promise<void>
}

/** Stands between the service and Stripe, so that a process can be killed exactly before or after a call took effect. */
export async function startHoldingProxy(target: () => string): Promise<HoldingProxy> {
  let held: { method: string; path: string; point: 'before' | 'after'; reached: () => void } | undefined
  let answer: { method: string; path: string; status: number; body: object } | undefined
  const server = createServer((incoming, outgoing) => {
    if (answer !== undefined && incoming.method === answer.method && incoming.url === answer.path) {
      const { status, body } = answer
      answer = undefined
      incoming.resume()
      outgoing.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
      return
    }
    const isHeld = held !== undefined && incoming.method === held.method && incoming.url === held.path
    const now = isHeld ? held : undefined
    if (isHeld) held = undefined
    if (now?.point === 'before') return now.reached()
    forward(target(), incoming, outgoing, now?.reached)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: (method, path, point) =>
      new Promise((reached) => {
        held = { method, path, point, reached }
      }),
    answer: (method, path, status, body) => {
      answer = { method, path, status, body }
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function forward(
  target: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  keep?: () => void,
): void {
  const { method, headers, url = '/' } = incoming
  const onward = request(new URL(url, target), { method, headers }, (answer) => {
    if (keep !== undefined) {
      answer.resume().on('end', keep)
      return
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
  })
  onward.on('error', () => outgoing.destroy())
  incoming.pipe(onward)
}
