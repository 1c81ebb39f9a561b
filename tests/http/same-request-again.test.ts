import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createKey } from '../../src/auth/keys.ts'
import type { Reply } from '../support/requests.ts'
import { type Service, startService } from '../support/service.ts'
import { applicant, basicMonthly, returnUrl, wizard } from '../support/wizard.ts'

let service: Service
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

let keys = 0
beforeEach(() => {
  keys += 1000
})
const newKey = () => {
  keys += 1
  return `again-${keys}`
}
const post = (path: string, body: object | undefined, idempotencyKey: string, key?: string) =>
  service.request('POST', path, body, {
    ...(key !== undefined && { key }),
    headers: { 'Idempotency-Key': idempotencyKey },
  })
const facts = () => service.context.db.reader.selectFrom('billing_events').select('position').execute()
const storedReplies = async () =>
  (await service.context.db.reader.selectFrom('idempotency_keys').selectAll().execute()).map(
    ({ reply }) => reply ?? '',
  )

/**
 * Sends a request, sends it again under its key, and sends another body under it. Answers the first reply's data.
 * `isShownOnce`: of the field whose secret the second answer has not.
 */
async function held(path: string, body?: object, isShownOnce?: string): Promise<Reply['body']> {
  const idempotencyKey = newKey()
  const first = await post(path, body, idempotencyKey)
  expect(first.status, `${path}: ${JSON.stringify(first.body)}`).toBe(200)
  expect(first.headers.get('Idempotent-Replayed'), path).toBeNull()
  const before = await facts()
  const again = await post(path, body, idempotencyKey)
  expect([again.status, again.headers.get('Idempotent-Replayed')], path).toEqual([200, 'true'])
  expect(again.body, path).toEqual(
    isShownOnce === undefined
      ? first.body
      : { ...first.body, data: { ...first.body.data, [isShownOnce]: null } },
  )
  const other = await post(path, { ...body, changed: true }, idempotencyKey)
  expect([other.status, other.body.error?.code], path).toEqual([409, 'idempotency_mismatch'])
  expect(await facts(), path).toEqual(before)
  return first.body.data
}

describe('the same request again under its Idempotency-Key answers the same, another body is 409', () => {
  test('on every step of onboarding, whatever has happened since', async () => {
    const { session_id } = await held('/onboarding/start', applicant)
    const starting = newKey()
    const early = await post('/onboarding/step/create-customer', { session_id }, starting)
    await held('/onboarding/step/create-customer', { session_id })
    const { setup_intent_id } = await held('/onboarding/step/setup-payment', {
      session_id,
      return_url: returnUrl,
    })
    await service.stripe.setupIntents.confirm(setup_intent_id, {
      payment_method: 'pm_card_visa',
      return_url: returnUrl,
    })
    await held('/onboarding/step/preview-plan', { session_id, ...basicMonthly })
    const basic = newKey()
    const choice = { session_id, ...basicMonthly }
    const chosen = await post('/onboarding/step/select-plan', choice, basic)
    await held('/onboarding/step/select-plan', {
      session_id,
      plan_id: 'enterprise',
      price_id: 'price_enterprise_monthly',
    })
    // A late duplicate does not choose the first plan once more.
    expect((await post('/onboarding/step/select-plan', choice, basic)).body).toEqual(chosen.body)
    await held('/onboarding/step/create-subscription', { session_id })
    await held('/onboarding/complete', { session_id })
    expect((await post('/onboarding/step/create-customer', { session_id }, starting)).body).toEqual(
      early.body,
    )
    const position = await service.request('GET', `/onboarding/${session_id}`)
    expect(position.body.data).toMatchObject({ status: 'completed', plan: { plan_id: 'enterprise' } })

    const other = wizard(service)
    await other.start()
    await held('/onboarding/cancel', { session_id: other.of.sessionId })
  })

  test('on customers, subscriptions, discounts and usage', async () => {
    const tenant_id = 'tenant_again'
    const { customer_id } = await held('/billing/customers', { tenant_id, email: 'a@example.com', name: 'A' })
    const { subscription_id } = await held('/billing/subscriptions', {
      tenant_id,
      customer_id,
      price_id: 'price_basic_monthly',
      payment_method_id: 'pm_card_visa',
    })
    const of = `/billing/subscriptions/${subscription_id}`
    await held(`${of}/preview-change`, { price_id: 'price_enterprise_monthly' })
    await held(`${of}/change-plan`, { price_id: 'price_enterprise_monthly' })
    for (const verb of ['pause', 'resume', 'cancel']) await held(`${of}/${verb}`, {})
    await held('/billing/discounts', { code: 'AGAIN10', percent_off: 10 })
    const record = { tenant_id, usage_type: 'case', quantity: 2 }
    const { record_id } = await held('/billing/usage', record)
    await held('/billing/usage/batch', { records: [record, record] })
    await held(`/billing/usage/${record_id}/void`, {})
  })

  test('on the operators’ routes: a key is made once, and shown once', async () => {
    const count = async () =>
      (await service.context.db.reader.selectFrom('api_keys').selectAll().execute()).length
    const before = await count()
    const { id } = await held('/admin/keys', { scope: 'platform' }, 'key')
    expect(await count()).toBe(before + 1)
    await held(`/admin/keys/${id}/revoke`, {})
    await held('/admin/jobs', { kind: 'verify' })
    const { body } = await service.request('GET', '/admin/jobs')
    expect(body.data.items).toHaveLength(1)
  })

  test('a subscription that waits for the bank gets its secret again, from Stripe', async () => {
    const { customer_id } = (
      await service.request('POST', '/billing/customers', {
        tenant_id: 'tenant_3ds',
        email: 'b@example.com',
        name: 'B',
      })
    ).body.data
    const { client_secret } = await held('/billing/subscriptions', {
      tenant_id: 'tenant_3ds',
      customer_id,
      price_id: 'price_basic_monthly',
      payment_method_id: 'pm_card_authenticationRequiredOnSetup',
    })
    expect(client_secret).toMatch(/_secret_/)
  })
})

test('no stored reply keeps a secret', async () => {
  const tenant = wizard(service)
  const { session_token } = (await post('/onboarding/start', applicant, newKey())).body.data
  await tenant.to('createCustomer')
  const setup = { session_id: tenant.of.sessionId, return_url: returnUrl }
  const { client_secret } = (await post('/onboarding/step/setup-payment', setup, newKey())).body.data
  const { key } = (await post('/admin/keys', { scope: 'admin' }, newKey())).body.data
  const all = (await storedReplies()).join('\n')
  for (const secret of [session_token, client_secret, key]) {
    expect(secret).toMatch(/./)
    expect(all).not.toContain(secret)
  }
  expect(all).not.toMatch(/_secret_\w|\b(slk|sls)_/)
})

describe('POST /admin/keys', () => {
  const count = async () =>
    (await service.context.db.reader.selectFrom('api_keys').selectAll().execute()).length

  test('makes one key for requests that come at once, shown to the first', async () => {
    const before = await count()
    const idempotencyKey = newKey()
    const replies = await Promise.all(
      Array.from({ length: 6 }, () => post('/admin/keys', { scope: 'platform' }, idempotencyKey)),
    )
    expect(new Set(replies.map(({ body }) => body.data.id)).size).toBe(1)
    expect(replies.filter(({ body }) => body.data.key !== null)).toHaveLength(1)
    expect(await count()).toBe(before + 1)
  })

  test('makes one key also when the reply got lost with the process, or its stored form is forgotten', async () => {
    const idempotencyKey = newKey()
    const { id } = (await post('/admin/keys', { scope: 'platform' }, idempotencyKey)).body.data
    const before = await count()
    await service.context.db.transact((trx) => trx.deleteFrom('idempotency_keys').execute())
    const again = await post('/admin/keys', { scope: 'platform' }, idempotencyKey)
    expect(again.body.data).toEqual({ id, key: null, scope: 'platform', tenant_id: null })
    await service.context.db.transact((trx) => trx.deleteFrom('idempotency_keys').execute())
    const other = await post('/admin/keys', { scope: 'admin' }, idempotencyKey)
    expect([other.status, other.body.error.code]).toEqual([409, 'idempotency_mismatch'])
    expect(await count()).toBe(before)
  })

  test('under another caller’s Idempotency-Key makes another key', async () => {
    const { key } = await createKey(service.context.db, { scope: 'admin', now: service.context.now() })
    const idempotencyKey = newKey()
    const mine = await post('/admin/keys', { scope: 'platform' }, idempotencyKey)
    const theirs = await post('/admin/keys', { scope: 'platform' }, idempotencyKey, key)
    expect(theirs.body.data.key).toMatch(/^slk_/)
    expect(theirs.body.data.id).not.toBe(mine.body.data.id)
  })
})
