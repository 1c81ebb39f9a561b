import { StripeFailure } from '../objects/errors.ts'
import type { AskedRequest } from './asked-request.ts'

/** Takes any test key, as a bearer token, as a basic user, or as Stripe.js's `key`. @throws StripeFailure 401 */
export function authenticate({ authorization, form }: AskedRequest): void {
  const key = keyOf({ authorization, form })
  if (key === undefined || key === '')
    throw unauthorized(
      "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
    )
  if (!/^(sk|rk|pk)_test_\S+$/.test(key)) throw unauthorized(`Invalid API Key provided: ${masked(key)}`)
}

/** Whether it is Stripe.js that asks, with a publishable key. */
export const isFromBrowser = (asked: AskedRequest) => keyOf(asked)?.startsWith('pk_') === true

function keyOf({ authorization, form }: Pick<AskedRequest, 'authorization' | 'form'>): string | undefined {
  const [, scheme, value = ''] = /^(\S+)\s+(\S+)$/.exec(authorization ?? '') ?? []
  if (scheme?.toLowerCase() === 'bearer') return value
  if (scheme?.toLowerCase() === 'basic') return Buffer.from(value, 'base64').toString().split(':')[0]
  return typeof form.key === 'string' ? form.key : undefined
}

const masked = (key: string) => (key.length > 12 ? `${key.slice(0, 8)}****${key.slice(-4)}` : '****')

function unauthorized(message: string): StripeFailure {
  return new StripeFailure(401, { type: 'invalid_request_error', message })
}
