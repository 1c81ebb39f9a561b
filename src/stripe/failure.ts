import Stripe from 'stripe'
import { AppError, InvalidRequest } from '../errors.ts'
import { faultText } from '../logging/mask.ts'

/**
 * - declined: the card or the bank said no. Final.
 * - rejected: Stripe refuses the parameters. Final.
 * - not_sent: our own fault, before anything was sent: it would be the same again. Final.
 * - missing: the object is not there. Final.
 * - unknown: timeout, connection, 5xx, an answer that is not Stripe's. It may have happened.
 * - rate_limited, in_use: it has not happened yet; the same call later may succeed.
 * - unauthorized: our key is not accepted. Nothing happened.
 * - key_mismatch: the idempotency key was used with other parameters. A bug or a tampered row: nothing may change.
 */
export type StripeFailureKind =
  | 'declined'
  | 'rejected'
  | 'not_sent'
  | 'missing'
  | 'unknown'
  | 'rate_limited'
  | 'in_use'
  | 'unauthorized'
  | 'key_mismatch'

/**
 * What went wrong with a call to Stripe, without its payload. `message` names it and may stand anywhere; `words` are
 * Stripe's own, for the person who asked, and may quote what that person gave.
 */
export class StripeFailure extends Error {
  readonly kind: StripeFailureKind
  readonly words: string
  readonly code: string
  readonly declineCode: string | null
  readonly param: string | null
  /** The answer was stored under the idempotency key before: the same key gives it for ever. */
  readonly isReplayed: boolean

  constructor(
    kind: StripeFailureKind,
    code: string,
    words: string,
    options: {
      declineCode?: string | null
      param?: string | null
      isReplayed?: boolean
      message?: string
      cause?: unknown
    } = {},
  ) {
    const { declineCode = null, param = null, message } = options
    super(message ?? [`Stripe: ${kind}`, code, declineCode, param].filter(Boolean).join(', '), {
      cause: options.cause,
    })
    this.name = 'StripeFailure'
    this.kind = kind
    this.words = words
    this.code = code
    this.declineCode = declineCode
    this.param = param
    this.isReplayed = options.isReplayed ?? false
  }

  /** The outcome is known and will not change: the call did nothing. */
  get isFinal(): boolean {
    return ['declined', 'rejected', 'not_sent', 'missing'].includes(this.kind)
  }

  /** As the caller of our API sees it. */
  toAppError(): AppError {
    const details = {
      stripe_code: this.code,
      ...(this.declineCode === null ? {} : { decline_code: this.declineCode }),
      ...(this.param === null ? {} : { param: this.param }),
    }
    switch (this.kind) {
      case 'declined':
        return new AppError('card_declined', this.words, { details, forLog: this.message, cause: this })
      case 'rejected':
      case 'missing':
        return new AppError('invalid_request', `Stripe refused the request: ${this.words}`, {
          details: { ...details, fields: [{ path: this.param ?? 'body', message: this.words }] },
          forLog: this.message,
          cause: this,
        })
      case 'in_use':
        return new AppError(
          'conflict',
          'The same step is being carried out at this moment; send the request again',
          {
            details,
            retryAfterSeconds: 1,
            cause: this,
          },
        )
      case 'unauthorized':
        return new AppError(
          'stripe_rejected_key',
          "Stripe does not accept this service's API key; its operator has to set STRIPE_SECRET_KEY",
          { cause: this },
        )
      case 'key_mismatch':
        return new AppError('internal_error', 'An idempotency key was used before with other parameters', {
          cause: this,
        })
      case 'not_sent':
        return new AppError(
          'internal_error',
          'This could not be sent to Stripe, by a fault of this service; nothing has happened there, and it can be given up or tried again',
          { cause: this },
        )
      case 'unknown':
      case 'rate_limited':
        return new AppError(
          'stripe_unavailable',
          'Stripe cannot be reached now; nothing is lost, the same request again goes on where this one stopped',
          { retryAfterSeconds: 2, cause: this },
        )
    }
  }
}

/** What Stripe has said, of an error that its caller got to see. */
export function failureOf(error: unknown): StripeFailure | undefined {
  const cause = error instanceof AppError ? error.cause : error
  return cause instanceof StripeFailure ? cause : undefined
}

/**
 * What Stripe refuses, in the terms of our own request. Any other error comes back as it is.
 * @param fields which of Stripe's parameters is which field of ours
 * @param message instead of Stripe's, which quotes what it refuses
 */
export function inOurTerms(
  error: unknown,
  fields: Readonly<Record<string, string>>,
  message?: string,
): unknown {
  const failure = failureOf(error)
  if (failure?.kind !== 'rejected' && failure?.kind !== 'missing') return error
  const param = Object.keys(fields).find((name) => failure.param?.startsWith(name))
  const path = param === undefined ? undefined : fields[param]
  return path === undefined
    ? error
    : new InvalidRequest([{ path, message: message ?? (error as AppError).message }])
}

/** A fault of ours that came before anything was sent. The message is for operators. */
export function notSent(fault: unknown): StripeFailure {
  const message = `Not sent, by a fault of ours: ${faultText(fault)}`
  return new StripeFailure('not_sent', 'not_sent', message, { message, cause: fault })
}

/**
 * Every error of the SDK as a `StripeFailure`. Any other is a fault of ours, and what it means is decided by whether
 * anything was sent before it. An abort is nobody's fault, and only stops this attempt: it comes back as it is.
 */
export function stripeFailure(error: unknown, { hasSent }: { hasSent: boolean }): unknown {
  if (error instanceof StripeFailure || (error instanceof Error && error.name === 'AbortError')) return error
  if (!(error instanceof Stripe.errors.StripeError)) {
    if (!hasSent) return notSent(error)
    const message = `The answer cannot be read: ${faultText(error)}`
    return new StripeFailure('unknown', 'unreadable', message, { message, cause: error })
  }
  const { statusCode, message } = error
  const code = nameOf(error.code) ?? error.type
  const isReplayed = error.headers?.['idempotent-replayed'] === 'true'
  const as = (kind: StripeFailureKind) =>
    new StripeFailure(kind, code, message, {
      declineCode: nameOf(error.decline_code),
      param: nameOf(error.param?.replace(/^metadata\[.*/s, 'metadata')),
      isReplayed,
      // The SDK's error keeps the raw answer, with personal data in it: only its kind and request id go on.
      cause: `${error.type} ${statusCode ?? ''} ${error.requestId ?? ''}`.trim(),
    })
  if (error instanceof Stripe.errors.StripeAuthenticationError || statusCode === 401 || statusCode === 403)
    return as('unauthorized')
  if (error instanceof Stripe.errors.StripeRateLimitError || statusCode === 429) return as('rate_limited')
  if (error instanceof Stripe.errors.StripeIdempotencyError)
    return as(statusCode === 409 || code === 'idempotency_key_in_use' ? 'in_use' : 'key_mismatch')
  if (statusCode === 409) return as('in_use')
  if (error instanceof Stripe.errors.StripeCardError || statusCode === 402) return as('declined')
  if (statusCode === 404 || code === 'resource_missing') return as('missing')
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return as('rejected')
  return as('unknown')
}

/** Of what Stripe names: an error, a parameter such as `items[0][price]`. Anything else is nobody's name for anything. */
const nameOf = (text: string | undefined): string | null =>
  text !== undefined && /^[a-z][a-z0-9_[\]]{0,99}$/.test(text) ? text : null
