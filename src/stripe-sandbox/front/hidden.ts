import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import { nobody, type Runner } from '../clock/runner.ts'
import { StripeFailure } from '../objects/errors.ts'
import { playAuthentication } from '../payments/authentication.ts'
import type { LoggedRequest } from './api.ts'
import { challengePage } from './challenge-page.ts'
import type { ClockCalls } from './clock-calls.ts'
import { type Faults, faultKinds } from './faults.ts'
import { portalPage } from './portal-page.ts'

export type Hidden = (
  response: ServerResponse,
  request: { method: string; path: string; body: string },
) => Promise<void>

/** `/_sandbox/…`: faults, the clock, the log of requests, and the bank's 3-D Secure challenge. */
export function createHidden(options: {
  faults: Faults
  runner: Runner
  requests: LoggedRequest[]
  clock: ClockCalls
}): Hidden {
  const { faults, runner, requests, clock } = options
  return async (response, { method, path, body }) => {
    const json = (status: number, value: unknown) => {
      response.writeHead(status, { 'Content-Type': 'application/json' })
      response.end(JSON.stringify(value))
    }
    const authenticated = /^\/_sandbox\/authenticate\/([^/]+)$/.exec(path)
    const portal = /^\/_sandbox\/portal\/([^/]+)$/.exec(path)
    const challenged = /^\/_sandbox\/challenge\/([^/]+)$/.exec(path)
    try {
      if (path === '/_sandbox/faults' && method === 'GET') json(200, { faults: faults.list() })
      else if (path === '/_sandbox/faults' && method === 'POST') {
        const { data: fault, error } = faultShape.safeParse(parseJson(body))
        if (error)
          return json(400, { error: { type: 'invalid_request_error', message: z.prettifyError(error) } })
        const { method: verb, count, delayMs, ...rest } = fault
        faults.add({
          ...rest,
          ...(verb && { method: verb }),
          ...(count && { count }),
          ...(delayMs && { delayMs }),
        })
        json(200, { faults: faults.list() })
      } else if (path === '/_sandbox/faults' && method === 'DELETE') {
        faults.clear()
        json(200, { faults: [] })
      } else if (path === '/_sandbox/clock' && method === 'GET') json(200, clock.look())
      else if (path === '/_sandbox/clock' && method === 'POST') json(200, await clock.move(parseJson(body)))
      else if (path === '/_sandbox/clock/followers' && method === 'POST')
        json(200, clock.register(parseJson(body)))
      else if (path === '/_sandbox/requests' && method === 'GET') json(200, { requests })
      else if (authenticated && method === 'POST') {
        const { data: outcome, error } = outcomeShape.safeParse(body === '' ? {} : parseJson(body))
        if (error)
          return json(400, { error: { type: 'invalid_request_error', message: z.prettifyError(error) } })
        json(
          200,
          runner.run(nobody, (turn) => playAuthentication(turn, authenticated[1] ?? '', outcome.outcome)),
        )
      } else if (challenged && method === 'GET') {
        response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
        response.end(runner.run(nobody, (turn) => challengePage(turn, challenged[1] ?? '')))
      } else if (portal && method === 'GET') {
        const page = runner.run(nobody, (turn) => portalPage(turn, portal[1] ?? ''))
        response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page)
      } else
        json(404, {
          error: { type: 'invalid_request_error', message: `Unrecognized request URL (${method}: ${path})` },
        })
    } catch (error) {
      if (error instanceof StripeFailure) json(error.status, { error: error.body })
      else json(500, { error: { type: 'api_error', message: `The sandbox broke: ${String(error)}` } })
    }
  }
}

const faultShape = z.strictObject({
  method: z.string().optional(),
  path: z.string().startsWith('/'),
  kind: z.enum(faultKinds),
  count: z.int().min(1).optional(),
  delayMs: z.int().min(0).max(120_000).optional(),
})
const outcomeShape = z.strictObject({ outcome: z.enum(['succeed', 'fail']).default('succeed') })

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
