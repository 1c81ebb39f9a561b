import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { z } from 'zod'
import { nobody, type Runner } from '../clock/runner.ts'
import { invalidRequest, StripeFailure } from '../objects/errors.ts'
import { playAuthentication } from '../payments/authentication.ts'
import type { LoggedRequest } from './api.ts'
import { challengePage } from './challenge-page.ts'
import type { ClockCalls } from './clock-calls.ts'
import type { Env } from './env.ts'
import { type Faults, faultKinds } from './faults.ts'
import { portalPage } from './portal-page.ts'

/** `/_sandbox/…`: faults, the clock, the log of requests, the bank's 3-D Secure challenge, the customer portal. */
export function createHidden(options: {
  faults: Faults
  runner: Runner
  requests: LoggedRequest[]
  clock: ClockCalls
}): Hono<Env> {
  const { faults, runner, requests, clock } = options
  const hidden = new Hono<Env>()
  hidden.onError((error, c) => {
    if (error instanceof StripeFailure)
      return c.json({ error: error.body }, error.status as ContentfulStatusCode)
    return c.json({ error: { type: 'api_error', message: `The sandbox broke: ${String(error)}` } }, 500)
  })
  hidden.get('/faults', (c) => c.json({ faults: faults.list() }))
  hidden.post('/faults', async (c) => {
    faults.add(await bodyOf(c, faultShape))
    return c.json({ faults: faults.list() })
  })
  hidden.delete('/faults', (c) => {
    faults.clear()
    return c.json({ faults: [] })
  })
  hidden.get('/requests', (c) => c.json({ requests }))
  hidden.get('/clock', (c) => c.json(clock.look()))
  hidden.post('/clock', async (c) => c.json(await clock.move(await jsonOf(c))))
  hidden.post('/clock/followers', async (c) => c.json(clock.register(await jsonOf(c))))
  hidden.post('/authenticate/:id', async (c) => {
    const { outcome } = await bodyOf(c, outcomeShape)
    return c.json(runner.run(nobody, (turn) => playAuthentication(turn, c.req.param('id'), outcome)))
  })
  hidden.get('/challenge/:id', (c) =>
    c.html(runner.run(nobody, (turn) => challengePage(turn, c.req.param('id')))),
  )
  hidden.get('/portal/:id', (c) => c.html(runner.run(nobody, (turn) => portalPage(turn, c.req.param('id')))))
  hidden.all('*', (c) => {
    const message = `Unrecognized request URL (${c.req.method}: ${c.req.path})`
    throw new StripeFailure(404, { type: 'invalid_request_error', message })
  })
  return hidden
}

const faultShape = z.strictObject({
  method: z.string().optional(),
  path: z.string().startsWith('/'),
  kind: z.enum(faultKinds),
  count: z.int().min(1).optional(),
  delayMs: z.int().min(0).max(120_000).optional(),
})
const outcomeShape = z.strictObject({ outcome: z.enum(['succeed', 'fail']).default('succeed') })

async function bodyOf<T>(c: Context<Env>, schema: z.ZodType<T>): Promise<T> {
  const { data, error } = schema.safeParse((await jsonOf(c)) ?? {})
  if (error) throw invalidRequest(z.prettifyError(error))
  return data
}

/** Nothing for what is no JSON. */
async function jsonOf({ req }: Context<Env>): Promise<unknown> {
  return await req.json().catch(() => undefined)
}
