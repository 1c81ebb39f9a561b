import { channel } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Runner } from '../clock/runner.ts'
import { StripeFailure } from '../objects/errors.ts'
import { newId } from '../objects/ids.ts'
import { hash, listOf, parseParameters, text } from '../objects/parameters.ts'
import { present } from '../objects/present.ts'
import type { Route } from '../objects/routes.ts'
import type { StoredObject } from '../objects/store.ts'
import { apiVersion } from '../objects/turn.ts'
import { type AskedRequest, checkHeaders, readRequest } from './asked-request.ts'
import { authenticate, isFromBrowser } from './authenticate.ts'
import type { Env } from './env.ts'
import { expand } from './expand.ts'
import { breakConnection, type Faults, serverError, standInTheWay } from './faults.ts'
import type { IdempotencyKeys, StoredAnswer } from './idempotency.ts'

export type LoggedRequest = {
  method: string
  path: string
  idempotency_key: string | null
  /** null where nothing was answered. */
  status: number | null
  replayed: boolean
}

/** Tells whoever watches the process of each answer. */
const answered = channel('stripe-sandbox:answer')

/** Everything under `/v1`: who may, under which key, what goes wrong on purpose, what is done, what is answered. */
export function createApi(options: {
  routes: Route[]
  runner: Runner
  keys: IdempotencyKeys
  faults: Faults
  log: (request: LoggedRequest) => void
}): Hono<Env> {
  const { routes, runner, keys, faults, log } = options
  const api = new Hono<Env>()
  api.onError((error, c) => {
    const { status, body } = error instanceof StripeFailure ? error : broken(error)
    return reply(c, { status, body: JSON.stringify({ error: body }), requestId: c.var.requestId })
  })
  api.use(async (c, next) => {
    const asked = await readRequest(c)
    c.set('asked', asked)
    c.set('requestId', newId('req', 14))
    await next()
    log({
      method: asked.method,
      path: asked.path,
      idempotency_key: asked.key ?? null,
      status: c.res.headers.has('x-hono-already-sent') ? null : c.res.status,
      replayed: c.res.headers.has('Idempotent-Replayed'),
    })
  })
  api.use(async (c, next) => {
    const { asked } = c.var
    authenticate(asked)
    checkHeaders(asked)
    runner.runDue()
    const fault = faults.take(asked.method, asked.path)
    c.set('fault', fault)
    return (fault && (await standInTheWay(c, fault.kind))) ?? next()
  })
  api.all('/v1/:resource/search', (c) => {
    throw noSearch(c.var.asked)
  })
  for (const route of routes) api.on(route.method, route.path, (c) => answer(c, route))
  api.all('*', (c) => {
    throw unrecognized(c.var.asked)
  })
  return api

  async function answer(c: Context<Env>, route: Route): Promise<Response> {
    const { asked, fault, requestId } = c.var
    const { key } = asked
    const stored = key === undefined ? undefined : keys.recall(key, asked)
    if (stored) return fault?.kind === 'reset_after' ? breakConnection(c) : reply(c, stored, true)
    const fromBrowser = isFromBrowser(asked)
    if (fromBrowser && !route.openToBrowsers) throw secretKeyRequired()
    const { expand: asksToExpand = {}, ...form } = asked.form
    const { expand: paths } = parseParameters(expandShape, { expand: asksToExpand })
    const allow = { older: asked.version === undefined, browser: route.openToBrowsers }
    const params = route.parse(form, allow)
    const [id = '', subId = ''] = Object.values(c.req.param())
    if (key !== undefined) keys.claim(key)
    try {
      await route.before(params)
      if (fault?.kind === 'delay') await sleep(fault.delayMs ?? 0)
      const done = runner.run({ id: requestId, idempotency_key: key ?? null }, (turn) => {
        const work = () => {
          const handled = route.handle({ ...turn, params, id, subId, fromBrowser })
          return expand(turn, present(handled as StoredObject, turn.now), paths)
        }
        const result = attempt(work, turn.store.transaction)
        const { status, body } = fault?.kind === '500_after' ? refused(serverError()) : result
        const told = { status, body: JSON.stringify(body), requestId }
        if (key !== undefined) keys.keep(key, asked, told)
        return told
      })
      return fault?.kind === 'reset_after' ? breakConnection(c) : reply(c, done)
    } finally {
      if (key !== undefined) keys.release(key)
    }
  }
}

type Result = { status: number; body: object }

const expandShape = hash({ expand: listOf(text) })

/** A failure undoes what was written before it, unless it is itself what happened, such as a decline. */
function attempt(work: () => object, savepoint: <T>(work: () => T) => T): Result {
  try {
    return savepoint(() => {
      try {
        return { status: 200, body: work() }
      } catch (error) {
        if (error instanceof StripeFailure && error.keepsChanges) return refused(error)
        throw error
      }
    })
  } catch (error) {
    if (error instanceof StripeFailure) return refused(error)
    throw error
  }
}

const refused = (failure: StripeFailure): Result => ({
  status: failure.status,
  body: { error: failure.body },
})

function reply(c: Context<Env>, { status, body, requestId }: StoredAnswer, replayed = false): Response {
  const { method, path, key } = c.var.asked
  answered.publish({ method, path, status, body })
  return c.body(body, status as ContentfulStatusCode, {
    'Content-Type': 'application/json',
    'Request-Id': requestId,
    'Stripe-Version': apiVersion,
    ...(key !== undefined && { 'Idempotency-Key': key }),
    ...(replayed && { 'Idempotent-Replayed': 'true', 'Original-Request': requestId }),
  })
}

function broken(error: unknown): StripeFailure {
  return new StripeFailure(500, { type: 'api_error', message: `The sandbox broke: ${String(error)}` })
}

function unrecognized({ method, path }: AskedRequest): StripeFailure {
  return new StripeFailure(404, {
    type: 'invalid_request_error',
    message: `Unrecognized request URL (${method}: ${path}). The sandbox plays a part of Stripe's API.`,
  })
}

function noSearch({ method, path }: AskedRequest): StripeFailure {
  return new StripeFailure(404, {
    type: 'invalid_request_error',
    message: `The sandbox has no Search (${method}: ${path}). List instead, and filter.`,
  })
}

function secretKeyRequired(): StripeFailure {
  return new StripeFailure(403, {
    type: 'invalid_request_error',
    code: 'secret_key_required',
    message: 'This API call cannot be made with a publishable API key. Please use a secret API key.',
  })
}
