/** Every way a request can be refused. `http/error-reply.ts` maps each to a status, exhaustively. */
export type ErrorCode =
  | 'malformed_request'
  | 'invalid_signature'
  | 'unauthenticated'
  | 'card_declined'
  | 'forbidden'
  | 'not_found'
  | 'request_timeout'
  | 'step_not_allowed'
  | 'conflict'
  | 'payment_method_required'
  | 'already_subscribed'
  | 'idempotency_mismatch'
  | 'body_too_large'
  | 'invalid_request'
  | 'currency_mismatch'
  | 'rate_limited'
  | 'stripe_unavailable'
  | 'stripe_rejected_key'
  | 'stripe_disabled'
  | 'database_busy'
  | 'session_quarantined'
  | 'internal_error'

export type ErrorDetails = Record<string, unknown>

/** A refusal with a message that says what to do. `retryAfterSeconds` becomes the `Retry-After` header. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetails
  readonly retryAfterSeconds: number | undefined
  /** In place of a message that quotes what the caller gave. */
  readonly forLog: string

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: ErrorDetails; retryAfterSeconds?: number; forLog?: string; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.details = options.details ?? {}
    this.retryAfterSeconds = options.retryAfterSeconds
    this.forLog = options.forLog ?? message
  }
}

export type FieldProblem = { path: string; message: string }

/** 422: one entry per field that is wrong. */
export class InvalidRequest extends AppError {
  constructor(fields: FieldProblem[]) {
    super(
      'invalid_request',
      `The request has ${fields.length === 1 ? 'a field' : 'fields'} that cannot be used: ${fields.map((f) => f.path).join(', ')}`,
      {
        details: { fields },
      },
    )
  }
}

/** 404 for what does not exist and for what is another tenant's: the two look the same. */
export class NotFound extends AppError {
  constructor(what: string) {
    super('not_found', `No such ${what}`)
  }
}

/** Somebody else wrote first. The same request again goes on from what they wrote. */
export class Conflict extends AppError {
  constructor(message: string, details: ErrorDetails = {}) {
    super('conflict', message, { details, retryAfterSeconds: 1 })
  }
}

/** 409: an idempotency key is one request's, and not this one's. */
export const usedForAnother = () =>
  new AppError(
    'idempotency_mismatch',
    'This Idempotency-Key was used for another request; take a new key for a new request',
  )
