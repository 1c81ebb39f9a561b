import { afterAll, beforeAll, expect, test } from 'vitest'
import { enqueueRefresh } from '../../src/inbox/enqueue-refresh.ts'
import { observed, recordAll } from '../support/facts.ts'
import { type Service, startService } from '../support/service.ts'
import { transactAt } from '../support/turns.ts'
import { settled, type Wizard, wizard } from '../support/wizard.ts'

let service: Service
let ada: Wizard
beforeAll(async () => {
  service = await startService({ webhooks: true })
  ada = wizard(service)
  await ada.to('createCustomer')
  await settled(service)
})
afterAll(() => service.close())

const get = async (path: string) => (await service.request('GET', `/admin${path}`)).body.data
const retry = (path: string) => service.request('POST', `/admin${path}/retry`)
const webhooks = async (disposition: string) => (await get(`/webhooks?disposition=${disposition}`)).items

test('a parked event stays while nobody knows its customer, and is released once somebody does', async () => {
  const stranger = await service.stripe.customers.create({ email: 'stranger@example.com' })
  await settled(service)
  const [parked] = await webhooks('parked')
  expect(parked).toMatchObject({ customer_id: stranger.id, reason: 'unknown customer', tenant_id: null })
  expect((await retry(`/webhooks/${parked.event_id}`)).body.data.disposition).toBe('parked')
  const seen = { id: stranger.id, created: stranger.created, email: 'stranger@example.com' }
  const fact = observed('customer', seen, 0, { tenantId: 'tenant_stranger' })
  await recordAll(service.context.db, [{ ...fact, data: { ...fact.data, as_of: stranger.created } }])
  expect(await retry(`/webhooks/${parked.event_id}`)).toMatchObject({
    status: 200,
    body: { data: { disposition: 'released', tenant_id: 'tenant_stranger' } },
  })
  expect((await retry(`/webhooks/${parked.event_id}`)).status).toBe(409)
})

test('a quarantined event is released when Stripe’s object contradicts us no more', async () => {
  const claim = (tenant_id: string, name: string) =>
    service.stripe.customers.update(ada.of.customerId, { name, metadata: { tenant_id } })
  await claim('Jeturing_somebody_else', 'Mallory')
  await settled(service)
  const [quarantined] = await webhooks('quarantined')
  expect(quarantined).toMatchObject({ reason: 'tenant_mismatch', type: 'customer.updated' })
  expect((await retry(`/webhooks/${quarantined.event_id}`)).body.data.disposition).toBe('quarantined')
  expect((await get(`/tenants/${ada.of.tenantId}`)).customer.name).toBe('Ada Lovelace')

  await claim(ada.of.tenantId, 'Ada King')
  expect(await retry(`/webhooks/${quarantined.event_id}`)).toMatchObject({
    status: 200,
    body: { data: { disposition: 'released', tenant_id: ada.of.tenantId } },
  })
  const reasons = await get(`/why?table=billing_customers&key=${ada.of.customerId}&column=name`)
  expect(reasons.row.name).toBe('Ada King')
  expect(JSON.stringify(reasons.facts)).not.toContain('Mallory')
  const { status, body } = await service.request('POST', '/admin/jobs', { kind: 'verify' })
  expect([status, body.data.kind]).toEqual([200, 'verify'])
})

test('of an invoice whose payment failed the log says which, and why', async () => {
  const { stripe } = service
  const customer = ada.of.customerId
  const { id: method } = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer })
  const { id: invoice } = await stripe.invoices.create({ customer, auto_advance: false })
  await stripe.invoiceItems.create({ customer, invoice, amount: 500, currency: 'usd' })
  await stripe.invoices.finalizeInvoice(invoice)
  await expect(stripe.invoices.pay(invoice, { payment_method: method })).rejects.toThrow()
  await settled(service)
  const { items } = await get('/events?type=stripe.event_received&limit=100')
  const words = items.map(({ about }: { about: string }) => about)
  expect(words).toContain(`invoice.payment_failed ${invoice} card_declined generic_decline`)
})

test('events are listed newest first, in pages; an unknown one is 404', async () => {
  const first = await get('/webhooks?limit=1')
  expect(first.items).toHaveLength(1)
  const rest = await get(`/webhooks?limit=100&cursor=${first.next_cursor}`)
  expect(rest.items.map((one: { event_id: string }) => one.event_id)).not.toContain(first.items[0].event_id)
  expect((await retry('/webhooks/evt_none')).status).toBe(404)
  expect((await service.request('GET', '/admin/webhooks?disposition=lost')).status).toBe(422)
})

test('a pending effect is carried out at once; its row says what became of it', async () => {
  const { db, now } = service.context
  const later = new Date(now().getTime() + 3_600_000).toISOString()
  const tenantId = ada.of.tenantId
  const good = `refresh:${ada.of.customerId}:a:test`
  await transactAt(db, now)({ actor: 'worker' }, async (turn) => {
    await enqueueRefresh(turn, { objectType: 'customer', objectId: ada.of.customerId, tenantId }, 'a:test')
    const bad = { effectId: 'bad:one', tenantId, stream: 'stripe', kind: 'sweep_events' } as const
    await turn.enqueue({ ...bad, params: { since: 0 }, dueAt: later })
    await turn.trx
      .updateTable('effects')
      .set({ kind: 'unheard_of' })
      .where('effect_id', '=', 'bad:one')
      .execute()
  })
  const effect = (id: string) => `/effects/${encodeURIComponent(id)}`
  expect((await retry(effect(good))).body.data).toMatchObject({
    effect_id: good,
    status: 'done',
    attempts: 1,
  })
  expect(await retry(effect(good))).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
  const failed = await retry(effect('bad:one'))
  expect(failed.status).toBe(200)
  expect(failed.body.data).toMatchObject({ status: 'pending' })
  expect((await get('/effects?status=pending')).items).toContainEqual(
    expect.objectContaining({ effect_id: 'bad:one', kind: 'unheard_of' }),
  )
  expect((await retry(effect('none'))).status).toBe(404)
})
