import { setTimeout as sleep } from 'node:timers/promises'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context } from 'hono'
import { StripeFailure } from '../objects/errors.ts'
import type { Env } from './env.ts'

export const faultKinds = [
  '400',
  '429',
  '500_before',
  '500_after',
  'timeout',
  'reset_before',
  'reset_after',
  'html',
  '401',
  'delay',
] as const
export type FaultKind = (typeof faultKinds)[number]

/**
 * What goes wrong with the next `count` (default 1) requests that match. `path` is exact, where `:id` stands for any
 * segment (`/v1/setup_intents/:id/confirm`); with a `*` or `/` at its end it is the start of a path.
 *
 * - `400` (for good), `429`, `401`, `500_before`, `html` (502), `reset_before`: refused before anything is done, nothing is stored
 * - `500_after`: done, and the 500 is the stored answer of the idempotency key
 * - `reset_after`: done, the real answer is stored, the connection breaks
 * - `timeout`: nothing is done and nothing is answered (120 s at most)
 * - `delay`: waits `delayMs`, then goes on; the idempotency key is in use meanwhile
 */
export type Fault = {
  method?: string | undefined
  path: string
  kind: FaultKind
  count?: number | undefined
  delayMs?: number | undefined
}

export type Faults = {
  add(fault: Fault): void
  clear(): void
  list(): Fault[]
  /** The first fault that matches, used up by one. */
  take(method: string, path: string): Fault | undefined
}

export function createFaults(): Faults {
  let faults: (Fault & { count: number })[] = []
  return {
    add: (fault) => faults.push({ ...fault, count: fault.count ?? 1 }),
    clear: () => {
      faults = []
    },
    list: () => faults.map((fault) => ({ ...fault })),
    take: (method, path) => {
      const fault = faults.find(
        (each) => (each.method ?? method).toUpperCase() === method && covers(each.path, path),
      )
      if (!fault) return undefined
      fault.count -= 1
      if (fault.count <= 0) faults = faults.filter((each) => each !== fault)
      return fault
    },
  }
}

function covers(pattern: string, path: string): boolean {
  if (/[*/]$/.test(pattern)) return path.startsWith(pattern.replace(/\*$/, ''))
  const segments = pattern
    .split('/')
    .map((segment) => (segment.startsWith(':') ? '[^/]+' : RegExp.escape(segment)))
  return new RegExp(`^${segments.join('/')}$`).test(path)
}

/** Plays what goes wrong before the work. Answers nothing where the work goes on. */
export async function standInTheWay(c: Context<Env>, kind: FaultKind): Promise<Response | undefined> {
  switch (kind) {
    case '400':
      throw refusal(400, 'This request is refused.')
    case '429':
      throw refusal(429, 'Request rate limit exceeded.', 'rate_limit')
    case '401':
      throw refusal(401, 'Invalid API Key provided: sk_test_****')
    case '500_before':
      throw serverError()
    case 'html':
      return c.html('<html><body><h1>502 Bad Gateway</h1></body></html>', 502)
    case 'reset_before':
      return breakConnection(c)
    case 'timeout':
      await Promise.race([
        new Promise((resolve) => c.env.outgoing.on('close', resolve)),
        sleep(120_000, undefined, { ref: false }),
      ])
      return breakConnection(c)
    case '500_after':
    case 'reset_after':
    case 'delay':
      return undefined
    default:
      return kind satisfies never
  }
}

export function breakConnection(c: Context<Env>): Response {
  c.env.incoming.socket.resetAndDestroy()
  return RESPONSE_ALREADY_SENT
}

export const serverError = () =>
  new StripeFailure(500, { type: 'api_error', message: 'An unknown error occurred' })

const refusal = (status: number, message: string, code?: string) =>
  new StripeFailure(status, { type: 'invalid_request_error', message, ...(code && { code }) })
