import { errorEnvelope } from './schemas.ts'

/** An error's status, the codes that it comes with, and one of them as an example. */
const errors: Record<string, { codes: string; message: string; code: string; details?: object }> = {
  400: {
    codes: '`malformed_request`, `invalid_signature`',
    code: 'malformed_request',
    message: 'The body is not JSON',
  },
  401: {
    codes: '`unauthenticated`: no, wrong, revoked and expired keys get the same',
    code: 'unauthenticated',
    message: 'A valid key is needed, in X-API-Key or as Authorization: Bearer',
  },
  402: {
    codes: '`card_declined`, with Stripe’s codes in `details`',
    code: 'card_declined',
    message: 'Your card was declined.',
    details: { stripe_code: 'card_declined', decline_code: 'insufficient_funds' },
  },
  403: {
    codes: '`forbidden`: the key’s scope does not reach this route',
    code: 'forbidden',
    message: 'A key of the scope tenant does not reach this route',
  },
  404: {
    codes: '`not_found`: unknown, or another tenant’s',
    code: 'not_found',
    message: 'No such onboarding session',
  },
  408: {
    codes: '`request_timeout`: the body came too slowly',
    code: 'request_timeout',
    message: 'The body did not arrive within 10000 ms',
  },
  409: {
    codes:
      '`step_not_allowed`, `payment_method_required`, `already_subscribed`, `conflict` (with Retry-After: send the same again), `idempotency_mismatch`',
    code: 'step_not_allowed',
    message: 'This step is not possible in status started; the next step is create_customer',
    details: {
      status: 'started',
      next_step: 'create_customer',
      allowed_events: ['create_customer', 'cancel'],
    },
  },
  413: {
    codes: '`body_too_large`: 64 KiB, for batches and webhooks 1 MiB',
    code: 'body_too_large',
    message: 'The body is larger than 65536 bytes',
    details: { limit_bytes: 65_536 },
  },
  422: {
    codes:
      '`invalid_request`: `details.fields` has one entry per field; `currency_mismatch`: the price is in another currency than usage is',
    code: 'invalid_request',
    message: 'The request has a field that cannot be used: price_id',
    details: { fields: [{ path: 'price_id', message: 'The price "price_1ABC123" does not exist.' }] },
  },
  429: {
    codes: '`rate_limited`, with Retry-After',
    code: 'rate_limited',
    message: 'Too many wrong keys from this address',
  },
  500: {
    codes: '`internal_error`, `session_quarantined`: the request id finds the cause in the log',
    code: 'internal_error',
    message: 'Something went wrong here; the request id finds it in the log',
  },
  502: {
    codes: '`stripe_rejected_key`: an operator has to look at the secret key',
    code: 'stripe_rejected_key',
    message: 'Stripe does not accept the secret key',
  },
  503: {
    codes:
      '`stripe_unavailable`, `database_busy`, `stripe_disabled`, with Retry-After: nothing is lost, the same request again goes on',
    code: 'stripe_unavailable',
    message: 'Stripe does not answer; send the same request again',
  },
}

const retried = new Set(['409', '429', '503'])

/** For `components.responses`: `Error409` and so on. */
export const errorResponses = Object.fromEntries(
  Object.entries(errors).map(([status, { codes, code, message, details = {} }]) => [
    `Error${status}`,
    {
      description: codes,
      content: {
        'application/json': {
          schema: { $ref: '#/components/schemas/Error' },
          example: errorEnvelope.parse({
            success: false,
            error: { code, message, details, request_id: '5a0f6c1e-8d2b-4c37-9f64-2f6f1f1b7c11' },
          }),
        },
      },
      ...(retried.has(status) && {
        headers: { 'Retry-After': { description: 'Seconds', schema: { type: 'integer' } } },
      }),
    },
  ]),
)

/** Which of them a route can answer. */
export function errorStatusesOf(method: string, path: string): string[] {
  if (!path.startsWith('/api/v1/')) return path === '/health/ready' ? [] : ['500']
  if (path.endsWith('/billing/webhooks')) return ['400', '408', '413', '500', '503']
  const always = ['401', '403', '404', '422', '429', '500', '503']
  if (method === 'get') return always
  const withBody = [...always, '400', '408', '409', '413']
  if (/\/(usage|admin)(\/|$)/.test(path)) return withBody
  return [...withBody, '502', ...(paid.test(path) ? ['402'] : [])]
}

/** Money moves here at once. */
const paid = /\/(create-subscription|subscriptions|change-plan|resume)$/
