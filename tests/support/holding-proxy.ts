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
  /** Answers the next request of this kind itself; the first such answer that waits comes first. A query is not looked at. */
  answer(method: string, path: string, status: number, body: object, headers?: Record<string, string>): void
  /** Lets the target do the next request of this kind, and something else happen before its answer comes back. */
  delay(method: string, path: string, meanwhile: () => Promise<unknown>): void
  close(): Promise<void>
}

/** Stands between the service and Stripe, so that a process can be killed exactly before or after a call took effect. */
export async function startHoldingProxy(target: () => string): Promise<HoldingProxy> {
  let held: { method: string; path: string; point: 'before' | 'after'; reached: () => void } | undefined
  const answers: Answer[] = []
  let delayed: { method: string; path: string; meanwhile: () => Promise<unknown> } | undefined
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url?.split('?')[0]
    const index = answers.findIndex((each) => each.method === incoming.method && each.path === path)
    const [answer] = index < 0 ? [] : answers.splice(index, 1)
    if (answer !== undefined) {
      const { status, body, headers } = answer
      incoming.resume()
      outgoing.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body))
      return
    }
    const isHeld = held !== undefined && incoming.method === held.method && incoming.url === held.path
    const now = isHeld ? held : undefined
    if (isHeld) held = undefined
    if (now?.point === 'before') return now.reached()
    if (delayed !== undefined && incoming.method === delayed.method && incoming.url === delayed.path) {
      const { meanwhile } = delayed
      delayed = undefined
      forward(target(), incoming, outgoing, { meanwhile })
      return
    }
    forward(target(), incoming, outgoing, now && { keep: now.reached })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: (method, path, point) =>
      new Promise((reached) => {
        held = { method, path, point, reached }
      }),
    answer: (method, path, status, body, headers = {}) => {
      answers.push({ method, path, status, body, headers })
    },
    delay: (method, path, meanwhile) => {
      delayed = { method, path, meanwhile }
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

type Answer = {
  method: string
  path: string
  status: number
  body: object
  headers: Record<string, string>
}

function forward(
  target: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { keep, meanwhile = async () => {} }: { keep?: () => void; meanwhile?: () => Promise<unknown> } = {},
): void {
  const { method, headers, url = '/' } = incoming
  const onward = request(new URL(url, target), { method, headers }, (answer) => {
    if (keep !== undefined) {
      answer.resume().on('end', keep)
      return
    }
    void meanwhile().finally(() => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
  })
  onward.on('error', () => outgoing.destroy())
  incoming.pipe(onward)
}
