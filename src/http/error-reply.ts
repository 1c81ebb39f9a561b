import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { Logger } from 'pino'
import type { ZodError } from 'zod'
import { databaseUnavailable } from '../db/fault.ts'
import { AppError, type ErrorCode, type FieldProblem, InvalidRequest } from '../errors.ts'
import { maskValue } from '../logging/mask.ts'
import { StripeFailure } from '../stripe/failure.ts'
import type { Env } from './env.ts'
import { shortened } from './json-shape.ts'

/**
 * Every refusal and failure as `{"success": false, "error": {code, message, details, request_id}}`. What nobody
 * foresaw is a 500 that says nothing but the request id; the log has its cause.
 */
export function errorReply(error: unknown, c: Context<Env>, log: Logger): Response {
  const appError = asAppError(error)
  const status = statusOf(appError.code)
  const requestId = c.get('requestId')
  if (status >= 500) log.error({ err: error, code: appError.code, request_id: requestId }, 'a request failed')
  c.set('errorCode', appError.code)
  const retryAfterSeconds =
    appError.retryAfterSeconds ?? (status === 503 ? defaultRetryAfterSeconds : undefined)
  if (retryAfterSeconds !== undefined)
    c.header('Retry-After', String(Math.max(1, Math.ceil(retryAfterSeconds))))
  if (status === 401) c.header('WWW-Authenticate', 'Bearer')
  // The rest of the body has not been read: the connection cannot carry another request.
  if (status === 408 || status === 413) c.header('Connection', 'close')
  const { code, message, details } = appError
  return c.json(
    { success: false, error: { ...maskValue({ code, message, details }), request_id: requestId } },
    status,
  )
}

/** One entry per field: `records.3.quantity`. A field that nobody knows is named by itself. */
function fieldProblems(error: ZodError): FieldProblem[] {
  return error.issues.flatMap((issue) => {
    const at = (...more: PropertyKey[]) =>
      [...issue.path, ...more].map((part) => shortened(String(part))).join('.')
    if (issue.code === 'unrecognized_keys')
      return issue.keys
        .slice(0, maxUnknownFields)
        .map((key) => ({ path: at(key), message: 'is not a field of this request' }))
    return [{ path: at() || 'body', message: issue.message }]
  })
}

function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (error instanceof StripeFailure) return error.toAppError()
  const unavailable = databaseUnavailable(error)
  if (unavailable !== undefined) return unavailable
  if (error instanceof HTTPException && error.status < 500)
    return new AppError('malformed_request', error.message || 'The request cannot be read')
  return new AppError('internal_error', 'Something went wrong here; the request id finds it in the log')
}

/** The answer to what a route's schema refused. An id in the path that no schema takes is of nothing that exists. */
export function refusal(target: string, error: ZodError): AppError {
  return target === 'param'
    ? new AppError('not_found', 'No such resource')
    : new InvalidRequest(fieldProblems(error))
}

const defaultRetryAfterSeconds = 5
/** Of one object; the first few tell as much as a thousand. */
const maxUnknownFields = 20

type Status = 400 | 401 | 402 | 403 | 404 | 408 | 409 | 413 | 422 | 429 | 500 | 502 | 503

function statusOf(code: ErrorCode): Status {
  switch (code) {
    case 'malformed_request':
    case 'invalid_signature':
      return 400
    case 'unauthenticated':
      return 401
    case 'card_declined':
      return 402
    case 'forbidden':
      return 403
    case 'not_found':
      return 404
    case 'request_timeout':
      return 408
    case 'step_not_allowed':
    case 'conflict':
    case 'payment_method_required':
    case 'already_subscribed':
    case 'idempotency_mismatch':
      return 409
    case 'body_too_large':
      return 413
    case 'invalid_request':
    case 'currency_mismatch':
      return 422
    case 'rate_limited':
      return 429
    case 'session_quarantined':
    case 'internal_error':
      return 500
    case 'stripe_rejected_key':
      return 502
    case 'stripe_unavailable':
    case 'stripe_disabled':
    case 'database_busy':
      return 503
    default:
      return code satisfies never
  }
}
