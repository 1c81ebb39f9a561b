import type Stripe from 'stripe'
import { sign } from '../../src/stripe-sandbox/delivery/webhooks.ts'
import type { Reply } from './requests.ts'
import type { Service } from './service.ts'

/** Set as STRIPE_WEBHOOK_SECRET where a test signs by itself. */
export const signingSecret = 'whsec_with_which_the_tests_sign'

/** Delivers an event as Stripe does. `at`: the time in the signature, unix milliseconds; default: the service's. */
export async function deliver(
  { app, context }: Pick<Service, 'app' | 'context'>,
  event: object | string,
  { secret = signingSecret, at = context.now().getTime() }: { secret?: string; at?: number } = {},
): Promise<Reply> {
  const payload = typeof event === 'string' ? event : JSON.stringify(event)
  return post(app, payload, sign(payload, secret, at))
}

export async function post(app: Service['app'], payload: string, signature?: string): Promise<Reply> {
  const response = await app.request('/api/v1/billing/webhooks', {
    method: 'POST',
    headers: { ...(signature !== undefined && { 'Stripe-Signature': signature }) },
    body: payload,
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) }
}

/** Everything that has happened at Stripe, oldest first. */
export async function history(stripe: Stripe): Promise<Stripe.Event[]> {
  const events: Stripe.Event[] = []
  for await (const event of stripe.events.list({ limit: 100 })) events.push(event)
  return events.reverse()
}

/** An event that nobody has made: of an object, in a fresh id. */
export function eventOf(
  type: string,
  object: object,
  more: Partial<Record<keyof Stripe.Event, unknown>> = {},
): Stripe.Event {
  serial += 1
  return {
    id: `evt_test_${serial}`,
    object: 'event',
    api_version: '2026-10-28.endive',
    created: Math.floor(Date.parse('2026-11-02T09:00:00Z') / 1000) + serial,
    data: { object },
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type,
    ...more,
  } as unknown as Stripe.Event
}

let serial = 0
