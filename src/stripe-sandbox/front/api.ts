import { channel } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Runner } from '../clock/runner.ts'
import { invalidRequest, StripeFailure } from '../objects/errors.ts'
import { emptyHash, type FormHash } from '../objects/form.ts'
import { newId } from '../objects/ids.ts'
import { hash, listOf, parseParameters, text } from '../objects/parameters.ts'
import { present } from '../objects/present.ts'
import { matchRoute, type Route } from '../objects/routes.ts'
import type { StoredObject } from '../objects/store.ts'
import { apiVersion } from '../objects/turn.ts'
import { type AskedRequest, readRequest } from './asked-request.ts'
import { authenticate } from './authenticate.ts'
import { expand } from './expand.ts'
import type { Fault, Faults } from './faults.ts'
import type { IdempotencyKeys, StoredAnswer } from './idempotency.ts'

export type LoggedRequest = {
  method: string
  path: string
  idempotency_key: string | null
  /** null where nothing was answered. */
  status: number | null
  replayed: boolean
}

export type Api = (request: IncomingMessage, response: ServerResponse, body: string) => Promise<LoggedRequest>

/** Tells whoever watches the process of each answer. */
const answered = channel('stripe-sandbox:answer')

/** Everything under `/v1`: who may, under which key, what goes wrong on purpose, what is done, what is answered. */
export function createApi(options: {
  routes: Route[]
  runner: Runner
  keys: IdempotencyKeys
  faults: Faults
}): Api {
  const { routes, runner, keys, faults } = options

  return async (request, response, body) => {
    const asked = readRequest(request, body)
    const log: LoggedRequest = {
      method: asked.method,
      path: asked.path,
      idempotency_key: asked.key ?? null,
      status: null,
      replayed: false,
    }
    const reply = (answer: StoredAnswer, replayed = false) => {
      log.status = answer.status
      log.replayed = replayed
      answered.publish({ method: asked.method, path: asked.path, status: answer.status, body: answer.body })
      send(response, asked, answer, replayed)
      return log
    }
    const requestId = newId('req', 14)
    try {
      authenticate(asked)
      checkVersion(request)
      runner.runDue()
      const fault = faults.take(asked.method, asked.path)
      if (fault && (await standsInTheWay(fault, response, requestId, reply))) return log
      const matched = matchRoute(routes, asked.method, asked.path)
      if (!matched) throw unrecognized(asked)
      const stored = asked.key === undefined ? undefined : keys.recall(asked.key, asked)
      if (stored) {
        if (fault?.kind === 'reset_after') return breakConnection(request, log)
        return reply(stored, true)
      }
      if (asked.fromBrowser && !matched.route.openToBrowsers) throw secretKeyRequired()
      const { expand: paths = [], ...form } = asked.form as FormHash
      const { expand: expandPaths = [] } = parseParameters(
        expandShape,
        Object.assign(emptyHash(), { expand: paths }),
      )
      const params = matched.route.parse(Object.assign(emptyHash(), form), {
        older: asked.older,
        browser: matched.route.openToBrowsers,
      })
      if (asked.key !== undefined) keys.claim(asked.key)
      try {
        await matched.route.before(params)
        if (fault?.kind === 'delay') await sleep(fault.delayMs ?? 0)
        const answer = runner.run({ id: requestId, idempotency_key: asked.key ?? null }, (turn) => {
          const done = attempt(() => {
            const [id = '', subId = ''] = matched.ids
            const handled = matched.route.handle({
              ...turn,
              params,
              id,
              subId,
              fromBrowser: asked.fromBrowser,
            })
            return expand(turn, present(handled as StoredObject, turn.now), expandPaths)
          }, turn.store.transaction)
          const told = fault?.kind === '500_after' ? serverError() : done
          const stored = { status: told.status, body: JSON.stringify(told.body), requestId }
          if (asked.key !== undefined) keys.keep(asked.key, asked, stored)
          return stored
        })
        if (fault?.kind === 'reset_after') return breakConnection(request, log)
        return reply(answer)
      } finally {
        if (asked.key !== undefined) keys.release(asked.key)
      }
    } catch (error) {
      const failure = error instanceof StripeFailure ? error : broken(error)
      return reply({ status: failure.status, body: JSON.stringify({ error: failure.body }), requestId })
    }
  }
}

type Answer = { status: number; body: object }

const expandShape = hash({ expand: listOf(text).optional() })

/** A failure undoes what was written before it, unless it is itself what happened, such as a decline. */
function attempt(work: () => object, savepoint: <T>(work: () => T) => T): Answer {
  try {
    return savepoint(() => {
      try {
        return { status: 200, body: work() }
      } catch (error) {
        if (error instanceof StripeFailure && error.keepsChanges) return failed(error)
        throw error
      }
    })
  } catch (error) {
    if (error instanceof StripeFailure) return failed(error)
    throw error
  }
}

const failed = (failure: StripeFailure): Answer => ({ status: failure.status, body: { error: failure.body } })

function checkVersion(request: IncomingMessage): void {
  const version = request.headers['stripe-version']
  if (version !== undefined && version !== apiVersion)
    throw invalidRequest(`Invalid Stripe API version: ${version}. The sandbox plays ${apiVersion}.`)
}

/** Plays the faults that come before the work. Answers whether that was all. */
async function standsInTheWay(
  fault: Fault,
  response: ServerResponse,
  requestId: string,
  reply: (answer: StoredAnswer) => LoggedRequest,
): Promise<boolean> {
  const refuse = (status: number, body: object) => {
    reply({ status, body: JSON.stringify(body), requestId })
    return true
  }
  switch (fault.kind) {
    case '429':
      return refuse(429, {
        error: { type: 'invalid_request_error', code: 'rate_limit', message: 'Request rate limit exceeded.' },
      })
    case '401':
      return refuse(401, {
        error: { type: 'invalid_request_error', message: 'Invalid API Key provided: sk_test_****' },
      })
    case '500_before': {
      const { status, body } = serverError()
      return refuse(status, body)
    }
    case 'html':
      response.writeHead(502, { 'Content-Type': 'text/html' })
      response.end('<html><body><h1>502 Bad Gateway</h1></body></html>')
      return true
    case 'reset_before':
      response.socket?.resetAndDestroy()
      return true
    case 'timeout':
      await Promise.race([
        new Promise((resolve) => response.on('close', resolve)),
        sleep(120_000, undefined, { ref: false }),
      ])
      response.socket?.destroy()
      return true
    case '500_after':
    case 'reset_after':
    case 'delay':
      return false
    default:
      return fault.kind satisfies never
  }
}

function send(response: ServerResponse, asked: AskedRequest, answer: StoredAnswer, replayed: boolean): void {
  if (asked.key !== undefined) {
    response.setHeader('Idempotency-Key', asked.key)
    if (replayed) {
      response.setHeader('Idempotent-Replayed', 'true')
      response.setHeader('Original-Request', answer.requestId)
    }
  }
  response.writeHead(answer.status, {
    'Content-Type': 'application/json',
    'Request-Id': answer.requestId,
    'Stripe-Version': apiVersion,
  })
  response.end(answer.body)
}

function breakConnection(request: IncomingMessage, log: LoggedRequest): LoggedRequest {
  request.socket.resetAndDestroy()
  return log
}

const serverError = (): Answer => ({
  status: 500,
  body: { error: { type: 'api_error', message: 'An unknown error occurred' } },
})

function broken(error: unknown): StripeFailure {
  return new StripeFailure(500, { type: 'api_error', message: `The sandbox broke: ${String(error)}` })
}

function unrecognized({ method, path }: AskedRequest): StripeFailure {
  return new StripeFailure(404, {
    type: 'invalid_request_error',
    message: `Unrecognized request URL (${method}: ${path}). The sandbox plays a part of Stripe's API.`,
  })
}

function secretKeyRequired(): StripeFailure {
  return new StripeFailure(403, {
    type: 'invalid_request_error',
    code: 'secret_key_required',
    message: 'This API call cannot be made with a publishable API key. Please use a secret API key.',
  })
}
