import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type Stripe from 'stripe'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Row } from '../../src/db/tables.ts'
import { verifyTables } from '../../src/projections/replay.ts'
import { type Sandbox, startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { recordAll, usageRecorded } from '../support/facts.ts'
import { type Service, startService } from '../support/service.ts'
import { deliver, eventOf, signingSecret } from '../support/webhooks.ts'
import { carryOutDue, refreshed, type Wizard, wizard } from '../support/wizard.ts'

/** The sandbox's renewals, a month apart; a test says when the service hears of them, and what. */
const clock = { nowMs: 0 }
const baseCents = 10_000
const planCents = 4900
let directory: string
let sandbox: Sandbox
let service: Service
let tenant: Wizard
let heard: Set<string>
let heardUntil: number

beforeEach(async () => {
  clock.nowMs = Date.parse('2026-11-02T09:00:00.000Z')
  directory = await mkdtemp(join(tmpdir(), 'invoicing-'))
  sandbox = await startSandbox({
    file: join(directory, 'sandbox.db'),
    clock: () => clock.nowMs,
    afterRetries: 'leave_past_due',
  })
  heard = new Set()
  heardUntil = 0
  service = await started()
  tenant = await subscribed()
})
afterEach(async () => {
  await service.close()
  await sandbox.close()
  await rm(directory, { recursive: true, force: true })
})

const started = () =>
  startService({ directory, sandbox, environment: { STRIPE_WEBHOOK_SECRET: signingSecret } })
const subscribed = async () => {
  const one = wizard(service)
  await one.to('createSubscription')
  return one
}
const pass = (ms: number) => {
  clock.nowMs += ms
}
/** An hour after its boundary a renewal's draft is final, and paid if the card is good. */
const anHour = (hours = 1) => sandbox.clock.advanceTo(Math.ceil(sandbox.clock.nowMs() / 1000) + hours * 3600)

/** What passes while the service is not there. */
async function away(work: () => Promise<unknown>): Promise<void> {
  await service.close()
  await work()
  service = await started()
}

/** The card from which the next renewals are paid. */
async function payWith(name: string): Promise<void> {
  const { customerId: customer, subscriptionId } = tenant.of
  const { id } = await service.stripe.paymentMethods.attach(name, { customer })
  await service.stripe.subscriptions.update(subscriptionId, { default_payment_method: id })
}

async function use(usage_type: string, quantity: number, more: object = {}, who = tenant): Promise<string> {
  const body = { tenant_id: who.of.tenantId, usage_type, quantity, ...more }
  const reply = await service.request('POST', '/billing/usage', body)
  expect(reply.status).toBe(200)
  pass(1000)
  return reply.body.data.record_id
}

/**
 * The next boundary: the renewal's draft is at Stripe, and nothing has been heard of it yet; of all before, everything, for
 * Stripe keeps events for thirty days.
 */
async function renewal(): Promise<string> {
  const subscription = () => service.stripe.subscriptions.retrieve(tenant.of.subscriptionId)
  const boundary = Math.max(...(await subscription()).items.data.map((item) => item.current_period_end))
  await sandbox.clock.advanceTo(boundary - 86_400)
  await hear()
  await sandbox.clock.advanceTo(boundary)
  const { latest_invoice } = await subscription()
  const invoice = await service.stripe.invoices.retrieve(String(latest_invoice))
  expect(invoice).toMatchObject({ status: 'draft', billing_reason: 'subscription_cycle' })
  return invoice.id
}

/** Delivers what Stripe has told of since the last time, in its order; what is not `wanted` is lost. */
async function hear(wanted: (event: Stripe.Event) => boolean = () => true): Promise<void> {
  const news: Stripe.Event[] = []
  for await (const event of service.stripe.events.list({ created: { gte: heardUntil }, limit: 100 }))
    if (!heard.has(event.id)) news.unshift(event)
  for (const event of news) {
    heard.add(event.id)
    heardUntil = event.created
    if (wanted(event)) expect((await deliver(service, event)).status).toBe(200)
  }
  await refreshed(service)
}

/** What Stripe has told of an invoice. */
async function eventAbout(invoiceId: string, type: Stripe.Event['type']): Promise<Stripe.Event> {
  for await (const event of service.stripe.events.list({ type, limit: 100 }))
    if ('id' in event.data.object && event.data.object.id === invoiceId) return event
  throw new Error(`no ${type} of ${invoiceId}`)
}

/** Every line that waits is tried once; what fails stays in its row. */
async function itemsTried(): Promise<void> {
  const pending = await service.context.db.reader
    .selectFrom('effects')
    .select('effect_id')
    .where('kind', '=', 'create_invoice_item')
    .where('status', '=', 'pending')
    .execute()
  for (const { effect_id } of pending) await service.context.effects.run(effect_id).catch(() => {})
}

/** A renewal of which Stripe tells at once. */
async function renew(): Promise<string> {
  const id = await renewal()
  await hear()
  await itemsTried()
  return id
}
/** The draft of a renewal becomes final and is paid. */
async function pay(invoiceId: string): Promise<void> {
  await anHour()
  await hear()
  expect(await service.stripe.invoices.retrieve(invoiceId)).toMatchObject({ status: 'paid' })
}

/** What of ours is on an invoice at Stripe: usage type -> quantity and amount. */
async function linesOn(invoiceId: string): Promise<Record<string, [number, number]>> {
  const { data } = await service.stripe.invoiceItems.list({ invoice: invoiceId, limit: 100 })
  const ours = data.filter(({ metadata }) => metadata?.usage_type !== undefined)
  expect(ours.filter(({ discountable }) => discountable)).toEqual([])
  const lines = ours.map(
    ({ amount, metadata }) => [metadata?.usage_type ?? '', [Number(metadata?.quantity), amount]] as const,
  )
  expect(new Set(lines.map(([type]) => type)).size, 'a line of a type twice').toBe(lines.length)
  return Object.fromEntries(lines) as Record<string, [number, number]>
}
const base = (times = 1) => ({ platform_base: [1, times * baseCents] })

const rows = () =>
  service.context.db.reader
    .selectFrom('billing_usage_records')
    .selectAll()
    .where('tenant_id', '=', tenant.of.tenantId)
    .orderBy('position')
    .execute()
const whereabouts = async () =>
  (await rows()).map(({ invoice_id, billed_at }) => [invoice_id, billed_at !== null])
const totals = async () => {
  const path = `/billing/usage/tenant/${tenant.of.tenantId}/summary`
  const { body } = await service.request(
    'GET',
    `${path}?period_start=2026-10-01T00:00:00Z&period_end=2027-12-01T00:00:00Z`,
  )
  const { billed_amount_cents, unbilled_amount_cents } = body.data.totals
  return [billed_amount_cents, unbilled_amount_cents]
}
const nextInvoiceCents = async () => {
  const { body } = await service.request('GET', `/billing/status/tenant/${tenant.of.tenantId}`)
  return body.next_invoice_amount_cents as number
}
const factTypes = async () => {
  const facts = await service.context.db.reader
    .selectFrom('billing_events')
    .select('type')
    .where('stream', '=', `usage-${tenant.of.tenantId}`)
    .orderBy('version')
    .execute()
  return facts.map(({ type }) => type)
}
const verified = async () => expect((await verifyTables(service.context.db)).drift).toEqual([])

test("a renewal's draft gets a line per type of usage and the platform base, which no discount lowers, and is paid", async () => {
  await use('case', 2)
  await use('api_call', 1500)
  await use('api_call', 549)
  await use('event_ingestion', 7)
  const coupon = await service.stripe.coupons.create({ percent_off: 50, duration: 'once' })
  await service.stripe.subscriptions.update(tenant.of.subscriptionId, { discounts: [{ coupon: coupon.id }] })
  const id = await renewal()
  // Of the month that begins.
  await use('api_call', 1)
  await hear()
  await itemsTried()
  const { data: items } = await service.stripe.invoiceItems.list({ invoice: id, limit: 100 })
  expect(items.map(({ amount, description, discountable }) => [description, amount, discountable])).toEqual(
    expect.arrayContaining([
      ['Cases: 2', 2000, false],
      ['API calls: 2049', 20, false],
      ['Events ingested: 7', 7, false],
      ['Platform base', baseCents, false],
    ]),
  )
  expect(items).toHaveLength(4)
  const total = planCents / 2 + 2000 + 20 + 7 + baseCents
  expect(await service.stripe.invoices.retrieve(id)).toMatchObject({ total })
  expect(await whereabouts()).toEqual([...Array(4).fill([id, false]), [null, false]])
  await pay(id)
  expect(await whereabouts()).toEqual([...Array(4).fill([id, true]), [null, false]])
  const { body } = await service.request('GET', `/billing/invoices/tenant/${tenant.of.tenantId}`)
  expect(body.data.items[0]).toMatchObject({ invoice_id: id, status: 'paid', amount_paid_cents: total })
  await verified()
})

test('usage is unbilled until its invoice is paid, and is not on the invoice after it', async () => {
  const withoutUsage = await nextInvoiceCents()
  await use('case', 3)
  expect(await nextInvoiceCents()).toBe(withoutUsage + 3000)
  const id = await renew()
  expect(await totals()).toEqual([0, 3000])
  expect(await nextInvoiceCents()).toBe(withoutUsage)
  await use('case', 1)
  await pay(id)
  expect(await totals()).toEqual([3000, 1000])
  expect(await whereabouts()).toEqual([
    [id, true],
    [null, false],
  ])
  await verified()
})

describe('each line is on the invoice once', () => {
  beforeEach(async () => {
    await use('case', 1)
    await use('agent', 1)
  })
  const expected = { case: [1, 1000], agent: [1, 5000], ...base() }

  test('under duplicates and two webhooks at once', async () => {
    const id = await renewal()
    await service.stripe.invoices.update(id, { description: 'Thank you' })
    const created = await eventAbout(id, 'invoice.created')
    const updated = await eventAbout(id, 'invoice.updated')
    await Promise.all([deliver(service, created), deliver(service, updated), deliver(service, created)])
    await itemsTried()
    await deliver(service, updated)
    await itemsTried()
    expect(await linesOn(id)).toEqual(expected)
    expect((await factTypes()).filter((type) => type === 'usage.invoiced')).toHaveLength(1)
  })

  test('after answers that were lost, and a restart', async () => {
    const id = await renewal()
    sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: '500_after', count: 2 })
    sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: '500_before', count: 9 })
    await hear()
    await itemsTried()
    await away(async () => sandbox.faults.clear())
    await pay(id)
    expect(await linesOn(id)).toEqual(expected)
    await verified()
  })

  test('after a crash before the first call, a day later, when Stripe has forgotten the keys', async () => {
    const id = await renewal()
    await service.stripe.invoices.update(id, { auto_advance: false })
    sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: 'reset_after', count: 1 })
    sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: '500_before', count: 20 })
    await hear()
    await away(async () => {
      sandbox.faults.clear()
      await anHour(25)
    })
    await carryOutDue(service)
    await itemsTried()
    expect(await linesOn(id)).toEqual(expected)
  })
})

test('usage that comes after the draft was made up is late and goes on the next invoice', async () => {
  const usedAt = new Date(sandbox.clock.nowMs()).toISOString()
  await use('case', 1)
  const first = await renew()
  await use('case', 2, { occurred_at: usedAt })
  expect((await rows()).map(({ is_late }) => is_late)).toEqual([0, 1])
  await pay(first)
  const second = await renew()
  expect(await linesOn(first)).toEqual({ case: [1, 1000], ...base() })
  expect(await linesOn(second)).toEqual({ case: [2, 2000], ...base() })
  expect(await whereabouts()).toEqual([
    [first, true],
    [second, false],
  ])
})

describe('an invoice that is final before the lines are on it', () => {
  test('leaves usage and base to the next one, whether its payment is told before or after', async () => {
    await use('case', 1)
    const withBase = await nextInvoiceCents()
    const { customerId: customer } = tenant.of
    await service.stripe.invoiceItems.create({ customer, amount: 900, currency: 'usd' })
    const first = await renewal()
    await anHour()
    sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: '429', count: 8 })
    await hear()
    sandbox.faults.clear()
    await itemsTried()
    await itemsTried()
    expect(await linesOn(first)).toEqual({})
    expect(await whereabouts()).toEqual([[null, false]])
    expect(await nextInvoiceCents()).toBe(withBase + baseCents)
    const second = await renew()
    expect(await linesOn(second)).toEqual({ case: [1, 1000], ...base(2) })
    expect(await linesOn(await renew())).toEqual(base())
    await verified()
  })

  test('keeps the lines that were in time', async () => {
    await use('case', 1)
    await use('agent', 1)
    const first = await renewal()
    sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: '500_after', count: 1 })
    sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: '500_before', count: 20 })
    await hear()
    await itemsTried()
    const inTime = await linesOn(first)
    expect(Object.keys(inTime)).toHaveLength(1)
    await away(() => anHour())
    sandbox.faults.clear()
    await itemsTried()
    expect(await linesOn(first)).toEqual(inTime)
    const second = await renew()
    expect({ ...(await linesOn(first)), ...(await linesOn(second)) }).toMatchObject({
      case: [1, 1000],
      agent: [1, 5000],
    })
    expect(Object.keys(await linesOn(second)).sort()).toEqual(
      ['agent', 'case', 'platform_base'].filter((type) => type === 'platform_base' || !(type in inTime)),
    )
  })

  test('and of which we hear only then, bills nothing that it has not charged', async () => {
    await use('case', 1)
    await renewal()
    await anHour()
    await hear(({ type }) => type === 'invoice.finalized' || type === 'invoice.paid')
    await itemsTried()
    expect(await factTypes()).toEqual(['usage.recorded', 'usage.invoice_missed'])
    expect(await whereabouts()).toEqual([[null, false]])
    expect(await linesOn(await renew())).toEqual({ case: [1, 1000], ...base(2) })
    await verified()
  })
})

test('an invoice in another currency than the rates gets no lines; usage and base wait', async () => {
  await use('case', 1)
  const first = await renewal()
  // By hand: at Stripe a customer has one currency, so that none of these would be followed by one in ours.
  const { object } = (await eventAbout(first, 'invoice.created')).data
  const created = eventOf(
    'invoice.created',
    { ...object, currency: 'eur' },
    { created: sandbox.clock.nowMs() / 1000 },
  )
  expect(await deliver(service, created)).toMatchObject({ status: 200 })
  await itemsTried()
  expect(service.logLines.join('')).toContain('usage is not on its invoice')
  expect(await linesOn(first)).toEqual({})
  expect(await factTypes()).toEqual(['usage.recorded', 'usage.invoice_missed'])
  expect(await linesOn(await renew())).toEqual({ case: [1, 1000], ...base(2) })
})

test('what was on a voided invoice goes on the next one', async () => {
  await payWith('pm_card_chargeCustomerFail')
  const recordId = await use('case', 1)
  const first = await renew()
  const conflict = await service.request('POST', `/billing/usage/${recordId}/void`)
  expect([conflict.status, conflict.body.error.details.invoice_id]).toEqual([409, first])
  await anHour()
  await service.stripe.invoices.voidInvoice(first)
  await hear()
  expect(await whereabouts()).toEqual([[null, false]])
  await payWith('pm_card_visa')
  const second = await renew()
  expect(await linesOn(second)).toEqual({ case: [1, 1000], ...base(2) })
  await pay(second)
  await service.stripe.invoices.update(first, { metadata: { told: 'late' } })
  await hear()
  expect(await whereabouts()).toEqual([[second, true]])
  await verified()
})

test('invoices that are no renewals get no lines', async () => {
  await pay(await renew())
  const { subscriptionId: subscription, customerId: customer } = tenant.of
  const { data: items } = (await service.stripe.subscriptions.retrieve(subscription)).items
  await use('case', 1)
  const other = await subscribed()
  await use('case', 1, {}, other)
  await service.stripe.subscriptions.update(subscription, {
    items: [{ id: items[0]?.id ?? '', price: 'price_professional_monthly' }],
    proration_behavior: 'always_invoice',
  })
  await service.stripe.invoices.create({ customer, auto_advance: false })
  await hear()
  await itemsTried()
  const reasons: unknown[] = []
  for await (const { id, billing_reason } of service.stripe.invoices.list({ limit: 100 })) {
    if (billing_reason === 'subscription_cycle') continue
    reasons.push(billing_reason)
    expect(await linesOn(id)).toEqual({})
  }
  expect(new Set(reasons)).toEqual(new Set(['subscription_create', 'subscription_update', 'manual']))
  expect(await whereabouts()).toEqual([[null, false]])
})

test('whatever happens, each record is on one valid invoice at Stripe or on none, as the tables say', async () => {
  const step = fc.oneof(
    fc.record({ does: fc.constant('use' as const), quantity: fc.integer({ min: 1, max: 9 }) }),
    fc.record({
      does: fc.constant('renew' as const),
      isHeardInTime: fc.boolean(),
      card: fc.constantFrom('pm_card_visa', 'pm_card_chargeCustomerFail'),
    }),
    fc.record({ does: fc.constantFrom('loseAnswers' as const, 'tryItems' as const) }),
    fc.record({ does: fc.constantFrom('pay' as const, 'void' as const) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 14 }), async (steps) => {
      // Time is played for all of the sandbox: nothing more of the tenant before.
      await service.stripe.subscriptions.cancel(tenant.of.subscriptionId)
      tenant = await subscribed()
      const all: string[] = []
      let isLosing = false
      for (const [index, one] of steps.entries()) {
        pass(1000)
        if (one.does === 'use') await use(index % 2 === 0 ? 'case' : 'user', one.quantity)
        else if (one.does === 'renew') {
          // The draft itself is not what the faults are about.
          sandbox.faults.clear()
          await payWith(one.card)
          all.push(await renewal())
          if (isLosing)
            sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: '500_after', count: 2 })
          isLosing = false
          if (!one.isHeardInTime) await anHour()
          await hear()
        } else if (one.does === 'loseAnswers') isLosing = true
        else if (one.does === 'tryItems') await itemsTried()
        else {
          await anHour()
          const { subscriptionId: subscription } = tenant.of
          const { data: open } = await service.stripe.invoices.list({ subscription, status: 'open' })
          const id = open.at(-1)?.id
          if (id === undefined) continue
          if (one.does === 'void') await service.stripe.invoices.voidInvoice(id)
          else await service.stripe.invoices.pay(id, { paid_out_of_band: true })
          await hear()
        }
      }
      sandbox.faults.clear()
      await anHour()
      await hear()
      await matchesStripe(all)
      // One more renewal has all that was left over.
      await payWith('pm_card_visa')
      const last = await renew()
      await pay(last)
      await matchesStripe([...all, last])
      expect((await rows()).filter(({ invoice_id }) => invoice_id === null)).toEqual([])
      expect(await baseAtStripe([...all, last])).toBe((all.length + 1) * baseCents)
    }),
    { numRuns: 12 },
  )
  await verified()
})

/** On every invoice that is not void, each usage line has the quantity of the records that are on it. */
async function matchesStripe(invoiceIds: string[]): Promise<void> {
  const records = await rows()
  for (const id of invoiceIds) {
    const { status } = await service.stripe.invoices.retrieve(id)
    const on = records.filter(({ invoice_id }) => invoice_id === id)
    if (status === 'void') expect(on).toEqual([])
    else expect(quantities(await linesOn(id))).toEqual(quantitiesOf(on))
    for (const { billed_at } of on) expect(billed_at !== null).toBe(status === 'paid')
  }
}

const quantities = ({ platform_base: _base, ...lines }: Record<string, [number, number]>) =>
  Object.fromEntries(Object.entries(lines).map(([type, [quantity]]) => [type, quantity]))

function quantitiesOf(records: Row<'billing_usage_records'>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const { usage_type, quantity } of records) sums[usage_type] = (sums[usage_type] ?? 0) + quantity
  return sums
}

async function baseAtStripe(invoiceIds: string[]): Promise<number> {
  let cents = 0
  for (const id of invoiceIds) {
    const { status } = await service.stripe.invoices.retrieve(id)
    if (status !== 'void') cents += (await linesOn(id)).platform_base?.[1] ?? 0
  }
  return cents
}

test('usage that no invoice holds, as an old log may have it, is held, and stops no event and nobody else', async () => {
  const { db } = service.context
  await use('case', 3)
  await recordAll(
    db,
    [1, 2].map((n) => ({
      ...usageRecorded(`usg_poison_${n}`, 0, { usage_type: 'agent', quantity: Number.MAX_SAFE_INTEGER }),
      tenant_id: tenant.of.tenantId,
    })),
  )
  const draft = await renewal()
  const created = await eventAbout(draft, 'invoice.created')
  await hear()
  await carryOutDue(service)
  const items = await service.stripe.invoiceItems.list({ invoice: draft })
  expect(items.data.map(({ metadata }) => metadata?.usage_type).sort()).toEqual(['case', 'platform_base'])
  expect(service.logLines.join('\n')).toContain('it is held')
  const records = await db.reader
    .selectFrom('billing_usage_records')
    .select(['usage_type', 'invoice_id'])
    .orderBy('record_id')
    .execute()
  expect(
    records.filter(({ usage_type }) => usage_type === 'agent').map(({ invoice_id }) => invoice_id),
  ).toEqual([null, null])
  const event = await db.reader
    .selectFrom('stripe_events')
    .select('disposition')
    .where('event_id', '=', created.id)
    .executeTakeFirst()
  expect(event?.disposition).toBe('applied')
  const status = `/billing/status/tenant/${tenant.of.tenantId}`
  expect(await service.request('GET', status)).toMatchObject({ status: 409 })
  for (const id of ['usg_poison_1', 'usg_poison_2'])
    expect(await service.request('POST', `/billing/usage/${id}/void`, {})).toMatchObject({ status: 200 })
  expect(await service.request('GET', status)).toMatchObject({ status: 200 })
})
