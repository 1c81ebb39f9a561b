import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Erasing, eachErasing, person } from '../support/erasing.ts'
import { wizard } from '../support/wizard.ts'

describe.each(eachErasing)('on $name', ({ start }) => {
  let it: Erasing
  beforeEach(async () => {
    it = await start()
  })
  afterEach(() => it.close())

  test('a subscribed tenant, and one with money due, is not erased, and the reply says why', async () => {
    const { service, tenant, rowsOf, erase, hasBought, isSubscribedNoMore, uses, invoices } = it
    await hasBought()
    const draft = await invoices('draft')
    expect(await erase({ forgive: true })).toMatchObject({
      status: 409,
      body: { error: { code: 'conflict', details: { subscription_ids: [tenant.of.subscriptionId] } } },
    })
    expect((await service.stripe.invoices.retrieve(draft)).status, 'nothing was forgiven').toBe('draft')
    await isSubscribedNoMore()
    await uses()
    const refused = await erase()
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    const { details } = refused.body.error
    expect(details).toMatchObject({ subscription_ids: [], invoice_ids: [draft], pending_effects: [] })
    expect(details.due_cents).toBeGreaterThan(0)
    expect(await rowsOf('erased_tenants')).toEqual([])
    expect(await erase({}, 'nobody')).toMatchObject({ status: 404 })
    expect(await erase({ force: true })).toMatchObject({ status: 422 })
  })

  test('what is due is written off first where that is wanted: usage, drafts and open invoices', async () => {
    const { service, tenant, rowsOf, erase, hasBought, isSubscribedNoMore, uses, invoices, isClean } = it
    await hasBought()
    await isSubscribedNoMore()
    await uses(2)
    const [draft, open] = [await invoices('draft'), await invoices('open')]
    expect(await erase({ forgive: true })).toMatchObject({
      status: 200,
      body: { data: { tenant_id: tenant.of.tenantId, keeps_stripe: false, is_scrubbed: true } },
    })
    for (const id of [draft, open]) expect((await service.stripe.invoices.retrieve(id)).status).toBe('void')
    expect(await rowsOf('billing_usage_records')).toMatchObject([
      { quantity: 2, voided_at: null, metadata: null, idempotency_key: null },
    ])
    expect(await rowsOf('billing_usage_decisions')).toContainEqual(
      expect.objectContaining({ usage_type: 'case', decision: 'forgiven' }),
    )
    await isClean()
  })

  test('what a month owes and was not charged is forgiven by lines of its own, and charged no more', async () => {
    const own = await start({ BILLING_TRIAL_PERIOD_DAYS: '0' })
    const { clock } = own.service.sandbox
    const passes = (seconds: number) => clock.advanceTo(Math.ceil(clock.nowMs() / 1000) + seconds)
    await own.hasBought()
    await passes(60)
    await own.uses(2)
    await passes(60)
    await own.isSubscribedNoMore()
    expect(await own.erase()).toMatchObject({
      status: 409,
      body: { error: { details: { due_cents: 2000 } } },
    })
    expect(await own.erase({ forgive: true, keep_stripe: true })).toMatchObject({ status: 200 })
    const forgiven = { kind: 'forgiven', usage_type: 'case', quantity: '2', amount_cents: 2000 }
    const lines = (await own.rowsOf('billing_usage_lines')).filter(({ kind }) => kind === 'forgiven')
    expect(lines).toMatchObject([{ ...forgiven, invoice_id: null, charged_cents: 2000 }])
    await passes(7200)
    const { data } = await own.service.stripe.invoices.list({ customer: own.tenant.of.customerId })
    expect(data.map(({ billing_reason }) => billing_reason)).toEqual(['subscription_create'])
    await own.isClean()
    await own.close()
  })

  test('a voiding that an outage cut off is carried on by the same request, and stands in the way of one that forgives nothing', async () => {
    const { service, starts, tenant, erase, invoices, isClean } = it
    await starts()
    await tenant.createCustomer()
    await invoices('open')
    service.sandbox.faults.add({
      method: 'POST',
      path: '/v1/invoices/:id/void',
      kind: 'reset_after',
      count: 9,
    })
    expect(await erase({ forgive: true })).toMatchObject({ status: 503 })
    const pending = { kind: 'void_invoice', effect_id: expect.stringContaining('void_invoice') }
    expect(await erase()).toMatchObject({
      status: 409,
      body: { error: { details: { pending_effects: [pending] } } },
    })
    // Stripe tells of it before the call has ended here.
    await service.sandbox.deliverDue()
    service.sandbox.faults.clear()
    expect(await erase({ forgive: true })).toMatchObject({ status: 200 })
    const voided = await service.stripe.events.list({ type: 'invoice.voided' })
    expect(voided.data).toHaveLength(1)
    await isClean()
  })

  test('a call whose outcome is not known stands in the way, and is named', async () => {
    const { service, tenant, starts, erase } = it
    await starts()
    await service.sandbox.close()
    expect((await tenant.createCustomer()).status).toBe(503)
    expect(await erase({ forgive: true })).toMatchObject({
      status: 409,
      body: { error: { details: { pending_effects: [{ kind: 'create_customer' }] } } },
    })
  })

  test('an erased tenant is unknown, except to operators, who see since when', async () => {
    const { service, tenant, erase, get, hasBought, isSubscribedNoMore, uses } = it
    await hasBought()
    const { tenantId, subscriptionId } = tenant.of
    const key = await service.tenantKey(tenantId)
    await isSubscribedNoMore()
    const { erased_at } = (await erase({ keep_stripe: true })).body.data
    const gone = {
      status: 404,
      body: { error: { message: expect.stringContaining('erased'), details: { erased_at } } },
    }
    for (const path of [
      `/billing/status/tenant/${tenantId}`,
      `/billing/customers/tenant/${tenantId}`,
      `/billing/subscriptions/tenant/${tenantId}`,
      `/billing/invoices/tenant/${tenantId}`,
      `/billing/payment-methods/tenant/${tenantId}`,
      `/billing/usage/tenant/${tenantId}/summary`,
      `/onboarding/${tenant.of.sessionId}`,
    ])
      expect(await get(path), path).toMatchObject(gone)
    expect(await uses()).toMatchObject({ status: 404 })
    const again = { tenant_id: tenantId, email: 'b@example.com', name: 'B' }
    expect(await service.request('POST', '/billing/customers', again)).toMatchObject({ status: 409 })
    for (const ended of [key, tenant.of.token])
      expect(
        await service.request('GET', `/onboarding/${tenant.of.sessionId}`, undefined, { key: ended }),
      ).toMatchObject({ status: 401 })
    expect(await get(`/admin/tenants/${tenantId}`)).toMatchObject({
      status: 200,
      body: {
        data: { erased_at, customer: { email: null }, subscriptions: [{ subscription_id: subscriptionId }] },
      },
    })
    expect(await get('/admin/tenants')).toMatchObject({
      body: { data: { items: [{ tenant_id: tenantId, erased_at }] } },
    })
    expect(await get('/admin/tenants?query=canary')).toMatchObject({ body: { data: { items: [] } } })
    expect((await service.stripe.customers.retrieve(tenant.of.customerId)).deleted).toBeUndefined()
  })

  test('a start under the key of before makes no new tenant and gives no token', async () => {
    const { service, tenant, rowsOf, starts, erase, get } = it
    const first = await starts({ 'Idempotency-Key': 'first' })
    expect((await erase()).status).toBe(200)
    expect(await rowsOf('onboarding_sessions')).toMatchObject([{ status: 'cancelled' }])
    const startsAgain = (key: string, other: object = {}) =>
      wizard(service).start({ ...person, ...other }, { headers: { 'Idempotency-Key': key } })
    const again = await startsAgain('first')
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    expect(JSON.stringify(again.body)).not.toContain(first.body.data.session_token)
    expect(await startsAgain('first', { name: 'Other' })).toMatchObject({
      status: 409,
      body: { error: { code: 'idempotency_mismatch' } },
    })
    expect((await get('/admin/tenants')).body.data.items).toHaveLength(1)
    // Whoever comes back is somebody new.
    expect((await startsAgain('second')).body.data.tenant_id).not.toBe(tenant.of.tenantId)
  })

  test('two erasures at once, and one after, answer the same and erase once', async () => {
    const { service, erase, hasBought, isSubscribedNoMore, invoices } = it
    await hasBought()
    await isSubscribedNoMore()
    const open = await invoices('open')
    const both = await Promise.all([erase({ forgive: true }), erase({ forgive: true })])
    const third = await erase({ keep_stripe: true })
    for (const reply of [...both, third])
      expect(reply.body.data, JSON.stringify(reply.body)).toEqual(both[0]?.body.data)
    expect((await service.stripe.invoices.retrieve(open)).status).toBe('void')
    const { rows } = await sql`select 1 from billing_events where type = 'tenant.erased'`.execute(
      service.context.db.reader,
    )
    expect(rows).toHaveLength(1)
  })
})
