import { channel } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { expect, inject, test } from 'vitest'
import { faultsOfAnswer, faultsOfEvent } from '../support/stripe-faults.ts'
import type { StripeTypes } from '../support/stripe-types.ts'
import { walkAlong } from '../support/walk-stripe.ts'
import { customerWithCard, start } from './start.ts'

/** The judge of every other test, judged: what the sandbox answers passes, and each kind of fault that is planted in it is found. */
const walk = walkAlong(JSON.parse(readFileSync(inject('stripeTypes'), 'utf8')) as StripeTypes)

/** A paid subscription as JSON, with all that hangs on it. */
async function subscription() {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe)
  const { lastResponse: _, ...made } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
    metadata: { tenant_id: 'tenant_1' },
    expand: ['latest_invoice.payments', 'customer', 'default_payment_method'],
  })
  const events = await stripe.events.list({ type: 'customer.subscription.*' })
  return { made: JSON.parse(JSON.stringify(made)), event: JSON.parse(JSON.stringify(events.data[0])) }
}

test('an answer as Stripe declares it has no fault, with its references expanded or not', async () => {
  const { made, event } = await subscription()
  expect(faultsOfAnswer(walk, 200, made)).toEqual([])
  expect(faultsOfEvent(walk, event)).toEqual([])
  const list = { object: 'list', data: [made, event], has_more: false, url: '/v1/anything' }
  expect(faultsOfAnswer(walk, 200, list)).toEqual([])
})

const path = 'subscription'
test.each([
  [
    'missing',
    (it) => delete it.items.data[0].price.currency,
    `${path}.items.data[0].price.currency: is missing`,
  ],
  ['null', (it) => (it.status = null), `${path}.status: is to be active | canceled | `],
  ['null for an id', (it) => (it.customer = null), `${path}.customer: is to be an id or a customer`],
  ['of a wrong type', (it) => (it.created = '7'), `${path}.created: is to be a number, not "7"`],
  ['of a wrong type in metadata', (it) => (it.metadata.a = 7), `${path}.metadata.a: is to be a text, not 7`],
  ['no value of its enum', (it) => (it.status = 'idle'), `${path}.status: is to be active | canceled`],
  ['no list', (it) => (it.items.data = {}), `${path}.items.data: is to be a list`],
  ['unknown', (it) => (it.current_period_end = 7), `${path}.current_period_end: is unknown to Stripe`],
  [
    'unknown in an expanded object',
    (it) => (it.latest_invoice.payment_intent = 'pi_1'),
    `${path}.latest_invoice.payment_intent: is unknown to Stripe`,
  ],
  [
    'another object',
    (it) => (it.latest_invoice = it.customer),
    `${path}.latest_invoice: is to be an id or a invoice`,
  ],
  // biome-ignore lint/suspicious/noExplicitAny: a member is broken, whichever
] satisfies [string, (it: any) => unknown, string][])(
  'a member that is %s is found, wherever it stands',
  async (_name, plant, found) => {
    const { made } = await subscription()
    plant(made)
    expect(faultsOfAnswer(walk, 200, made)).toEqual([expect.stringContaining(found)])
  },
)

test.each([
  [
    'about something else',
    (it) => (it.data.object = it.data.object.items.data[0].price),
    'data.object.object.customer.subscription.',
  ],
  ['of no type of Stripe', (it) => (it.type = 'subscription.created'), 'type: is to be'],
  [
    'that tells of an unknown member’s change',
    (it) => (it.data.previous_attributes = { current_period_end: 7 }),
    'previous_attributes.current_period_end: is unknown to Stripe',
  ],
  [
    'that tells of a change from another type',
    (it) => (it.data.previous_attributes = { items: { data: [7] } }),
    'previous_attributes.items.data[0]: is to be a subscription_item',
  ],
  // biome-ignore lint/suspicious/noExplicitAny: a member is broken, whichever
] satisfies [string, (it: any) => unknown, string][])('an event %s is found', async (_name, plant, found) => {
  const { event } = await subscription()
  plant(event)
  expect(faultsOfEvent(walk, event).join('\n')).toContain(found)
})

test.each([
  { error: { type: 'card_error', message: 'No', decline: 'x' } },
  { error: { type: 'no_error', message: 'No' } },
  { message: 'No' },
])('an error that Stripe would not give is found: %j', (body) => {
  expect(faultsOfAnswer(walk, 402, body)).not.toEqual([])
})

test.fails('what a sandbox says wrong fails the test that provoked it', () => {
  const body = JSON.stringify({ id: 'cus_1', object: 'customer' })
  channel('stripe-sandbox:answer').publish({ method: 'GET', path: '/v1/customers/cus_1', status: 200, body })
})
