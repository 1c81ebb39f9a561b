import { expect } from 'vitest'
import { sign } from '../../src/stripe-sandbox/delivery/webhooks.ts'
import type { Canaries } from './canaries.ts'
import { type CanaryWorld, origin } from './canary-world.ts'
import { signingSecret } from './webhooks.ts'
import { basicMonthly } from './wizard.ts'

const quoting = (canary: Canaries, code: string, where: string) => ({
  error: {
    type: code === 'card_declined' ? 'card_error' : 'invalid_request_error',
    code,
    param: 'email',
    message: `Stripe refuses ${canary.text(`what Stripe quotes on ${where}`)} and ${canary.email(`the email that Stripe quotes on ${where}`)}`,
  },
})

export function person(canary: Canaries, of: string) {
  return {
    email: canary.email(`email, ${of}`),
    name: canary.text(`name, ${of}`),
    company_name: canary.text(`company_name, ${of}`),
    phone: canary.phone(`phone, ${of}`),
  }
}

/** A session to its end, with Stripe's refusals on the way; one that is given up; and one whose applicant is corrected. */
export async function onboard(w: CanaryWorld): Promise<void> {
  const { canary, proxy } = w
  const urlWith = (where: string) => `${origin}/done/${encodeURIComponent(canary.text(where))}`
  const { session_id } = await w.twice(
    '/onboarding/start',
    { ...person(canary, 'start'), success_url: urlWith('success_url') },
    { 'X-Request-Id': canary.text('X-Request-Id'), 'User-Agent': canary.text('User-Agent') },
  )
  w.sessions.push(session_id)
  proxy.answer('POST', '/v1/customers', 400, quoting(canary, 'email_invalid', 'create-customer'))
  expect((await w.post('/onboarding/step/create-customer', { session_id })).status).toBe(422)
  await w.look()
  await w.twice('/onboarding/applicant', { session_id, ...person(canary, 'a correction') })
  const once = { 'Stripe-Should-Retry': 'false' }
  proxy.answer('POST', '/v1/customers', 500, quoting(canary, 'api_error', 'a 500'), once)
  expect((await w.post('/onboarding/step/create-customer', { session_id })).status).toBe(503)
  await w.look()
  proxy.answer('POST', '/v1/customers', 502, { page: canary.text('a page of a proxy') }, once)
  await w.post('/onboarding/step/create-customer', { session_id })
  await w.look()
  await w.twice('/onboarding/step/create-customer', { session_id })
  proxy.answer('POST', '/v1/setup_intents', 400, quoting(canary, 'bad', 'setup-payment'))
  const return_url = urlWith('return_url')
  expect((await w.post('/onboarding/step/setup-payment', { session_id, return_url })).status).toBe(422)
  const { setup_intent_id } = await w.twice('/onboarding/step/setup-payment', { session_id, return_url })
  await w.stripe.setupIntents.confirm(setup_intent_id, {
    payment_method: 'pm_card_visa',
    return_url: `${origin}/`,
  })
  await w.settled()
  const noCode = { session_id, ...basicMonthly, discount_code: canary.text('discount_code') }
  for (const step of ['preview-plan', 'select-plan'])
    expect((await w.post(`/onboarding/step/${step}`, noCode)).status).toBe(422)
  const noPlan = { ...basicMonthly, session_id, plan_id: canary.text('plan_id') }
  expect((await w.post('/onboarding/step/select-plan', noPlan)).status).toBe(422)
  await w.twice('/onboarding/step/select-plan', { session_id, ...basicMonthly })
  proxy.answer('POST', '/v1/subscriptions', 402, quoting(canary, 'card_declined', 'create-subscription'))
  expect((await w.post('/onboarding/step/create-subscription', { session_id })).status).toBe(402)
  await w.look()
  await w.twice('/onboarding/step/create-subscription', { session_id })
  await w.settled()
  await w.twice('/onboarding/complete', { session_id })

  const givenUp = await w.twice('/onboarding/start', person(canary, 'a start given up'))
  w.sessions.push(givenUp.session_id)
  await w.twice('/onboarding/cancel', { session_id: givenUp.session_id })
}

/** Customers and subscriptions of the platform's own making. */
export async function bill(w: CanaryWorld): Promise<void> {
  const { canary, proxy } = w
  const customer = {
    tenant_id: 'tenant_billed',
    ...person(canary, 'a customer'),
    metadata: { [canary.text('the name of a member of metadata')]: canary.text('metadata') },
  }
  proxy.answer('POST', '/v1/customers', 400, quoting(canary, 'email_invalid', 'a customer'))
  expect((await w.post('/billing/customers', customer)).status).toBe(422)
  await w.look()
  const { customer_id } = await w.twice('/billing/customers', customer)
  const subscription = {
    tenant_id: 'tenant_billed',
    customer_id,
    price_id: 'price_basic_monthly',
    payment_method_id: 'pm_card_visa',
  }
  const discount_code = canary.text('discount_code of a subscription')
  expect((await w.post('/billing/subscriptions', { ...subscription, discount_code })).status).toBe(422)
  proxy.answer('POST', '/v1/subscriptions', 402, quoting(canary, 'card_declined', 'a subscription'))
  expect((await w.post('/billing/subscriptions', subscription)).status).toBe(402)
  const { subscription_id } = await w.twice('/billing/subscriptions', subscription)
  const of = `/billing/subscriptions/${subscription_id}`
  const price_id = 'price_enterprise_monthly'
  await w.twice(`${of}/preview-change`, { price_id })
  proxy.answer('POST', `/v1/subscriptions/${subscription_id}`, 400, quoting(canary, 'bad', 'a change'))
  expect((await w.post(`${of}/change-plan`, { price_id })).status).toBe(422)
  await w.twice(`${of}/change-plan`, { price_id })
  for (const verb of ['pause', 'resume', 'cancel']) await w.twice(`${of}/${verb}`, {})
  await w.twice('/billing/discounts', { code: 'SUMMER', percent_off: 10 })
  const card = await w.stripe.paymentMethods.attach('pm_card_mastercard', { customer: customer_id })
  await w.stripe.paymentMethods.update(card.id, {
    billing_details: { name: canary.text('a card holder'), phone: canary.phone('phone of a card holder') },
  })
  await w.stripe.customers.update(customer_id, {
    name: canary.text('name, changed at Stripe'),
    description: canary.text('description at Stripe'),
    address: { line1: canary.text('an address') },
    metadata: { [canary.text('a name in metadata at Stripe')]: canary.text('metadata at Stripe') },
  })
  await w.settled()
}

export async function meter(w: CanaryWorld): Promise<void> {
  const { canary } = w
  const usage = (where: string) => ({
    tenant_id: 'tenant_billed',
    usage_type: 'case',
    quantity: 1,
    idempotency_key: canary.text(`idempotency_key of ${where}`),
    metadata: { [canary.text(`a name in metadata of ${where}`)]: canary.text(`metadata of ${where}`) },
  })
  const one = usage('usage')
  const { record_id } = await w.twice('/billing/usage', one)
  expect((await w.post('/billing/usage', { ...one, quantity: 2 })).status).toBe(409)
  await w.twice('/billing/usage/batch', { records: [usage('a batch'), usage('a batch, again')] })
  await w.twice(`/billing/usage/${record_id}/void`, { reason: canary.text('the reason of a void') })
  expect((await w.post('/billing/usage', { ...usage('a stranger'), tenant_id: 'nobody' })).status).toBe(404)
  const { body } = await w.post('/admin/keys', { scope: 'tenant', tenant_id: 'tenant_billed' })
  const counted = { 'X-API-Key': body.data.key, 'User-Agent': canary.text('User-Agent of a tenant') }
  for (let calls = 0; calls < 3; calls += 1)
    await w.send('GET', `/billing/customers/tenant/tenant_billed`, undefined, counted)
}

/** Requests that name nothing, or are none. */
export async function misuse(w: CanaryWorld): Promise<void> {
  const { canary } = w
  const text = (where: string) => encodeURIComponent(canary.text(where))
  const refused = async (method: string, path: string, body?: object | string, headers = {}) =>
    expect((await w.send(method, path, body, headers)).status, path).toBeGreaterThan(399)
  for (const path of [
    '/nowhere/',
    '/onboarding/',
    '/billing/discounts/',
    '/billing/customers/tenant/',
    '/billing/status/tenant/',
    '/billing/subscriptions/tenant/',
    '/admin/effects/',
    '/admin/sessions/',
    '/admin/why?table=billing_customers&key=',
    '/admin/diff?tenant=x&from=',
    '/billing/discounts?cursor=',
  ])
    await refused('GET', path + text(path))
  await refused('GET', `/billing/discounts/${canary.word('a code of no discount')}`)
  await refused('POST', `/admin/effects/${text('the id of no effect')}/retry`)
  await refused('POST', `/billing/usage/${text('the id of no usage')}/void`)
  await refused('POST', '/onboarding/start', {
    ...person(canary, 'a bad start'),
    email: canary.text('email, bad'),
  })
  await refused('POST', '/onboarding/start', { [canary.text('a field of nothing')]: 1 })
  await refused('POST', '/onboarding/start', `{"email": ${canary.text('malformed JSON')}`)
  await refused('POST', '/onboarding/start', '{}', { 'Content-Type': canary.text('Content-Type') })
  await refused('POST', '/onboarding/step/create-customer', { session_id: canary.text('session_id') })
  await refused('POST', '/onboarding/step/create-customer', {
    session_id: canary.word('session_id of nothing'),
  })
  await refused('GET', '/billing/discounts', undefined, { 'X-API-Key': canary.text('X-API-Key') })
  await refused('GET', '/billing/discounts', undefined, {
    'X-API-Key': '',
    Authorization: `Bearer ${canary.word('Authorization')}`,
  })
  await refused('POST', '/billing/webhooks', canary.text('an unsigned webhook'), {
    'Stripe-Signature': canary.text('Stripe-Signature'),
  })
  for (const payload of [
    canary.text('a signed text'),
    JSON.stringify({ id: canary.text('a signed object') }),
  ])
    await refused('POST', '/billing/webhooks', payload, {
      'Stripe-Signature': sign(payload, signingSecret, Date.now()),
    })
  const phone = canary.phone('phone as X-Request-Id').slice(1)
  const tenant_id = 'tenant_of_request_ids'
  const id = { 'X-Request-Id': phone }
  expect(
    (await w.post('/billing/customers', { tenant_id, ...person(canary, 'X-Request-Id') }, id)).status,
  ).toBe(200)
  await w.look()
}
