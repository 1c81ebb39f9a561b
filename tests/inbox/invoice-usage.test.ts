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
import { carryOutDue, type Wizard, wizard } from '../support/wizard.ts'

/**
 * Renewals at any time, also several in a row: a draft of the subscription is made at the sandbox, and `invoice.created`
 * says of it what Stripe's would say of a renewal's.
 */
const clock = { nowMs: 0 }
const baseCents = 10_000
const planCents = 2900
let directory: string
let sandbox: Sandbox
let service: Service
let tenant: Wizard

beforeEach(async () => {
  clock.nowMs = Date.parse('2026-11-02T09:00:00.000Z')
  directory = await mkdtemp(join(tmpdir(), 'invoicing-'))
  sandbox = await startSandbox({ file: join(directory, 'sandbox.db'), clock: () => clock.nowMs })
  service = await started()
  tenant = await subscribed()
})
afterEach(async () => {
  await service.close()
  await sandbox.close()
  await rm(directory, { recursive: true, force: true })
})

const started = () =>
  startService({ directory, sandbox, clock, environment: { STRIPE_WEBHOOK_SECRET: signingSecret } })
const subscribed = async () => {
  const one = wizard(service)
  await one.to('createSubscription')
  return one
}
const pass = (ms: number) => {
  clock.nowMs += ms
}

async function use(usage_type: string, quantity: number, more: object = {}, who = tenant): Promise<string> {
  const body = { tenant_id: who.of.tenantId, usage_type, quantity, ...more }
  const reply = await service.request('POST', '/billing/usage', body)
  expect(reply.status).toBe(200)
  pass(1000)
  return reply.body.data.record_id
}

/** A renewal's draft at Stripe, of which no webhook has come yet. */
const renewal = async (params: Partial<Stripe.InvoiceCreateParams> = {}, who = tenant) => {
  pass(1000)
  const draft = await service.stripe.invoices.create({
    subscription: who.of.subscriptionId,
    auto_advance: false,
    ...params,
  })
  await service.stripe.invoiceItems.create({
    customer: who.of.customerId,
    invoice: draft.id,
    amount: planCents,
    description: 'The plan',
  })
  return draft.id
}

const month = 30 * 86_400
/** The event that Stripe would send of the renewal's invoice as it is now. */
async function eventAbout(invoiceId: string, type: string, more: object = {}): Promise<Stripe.Event> {
  const invoice = await service.stripe.invoices.retrieve(invoiceId)
  const period = { period_start: invoice.created - month, period_end: invoice.created }
  pass(2000)
  return eventOf(
    type,
    { ...invoice, billing_reason: 'subscription_cycle', ...period, ...more },
    { created: clock.nowMs / 1000 },
  )
}
async function tell(invoiceId: string, type: string, more: object = {}): Promise<void> {
  expect((await deliver(service, await eventAbout(invoiceId, type, more))).status).toBe(200)
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
  await tell(id, 'invoice.created')
  await itemsTried()
  return id
}
async function pay(invoiceId: string): Promise<void> {
  await service.stripe.invoices.pay(invoiceId, { paid_out_of_band: true })
  await tell(invoiceId, 'invoice.paid')
}
async function voidInvoice(invoiceId: string): Promise<void> {
  const { status } = await service.stripe.invoices.retrieve(invoiceId)
  if (status === 'draft') await service.stripe.invoices.finalizeInvoice(invoiceId)
  await service.stripe.invoices.voidInvoice(invoiceId)
  await tell(invoiceId, 'invoice.voided')
}

/** What is on an invoice at Stripe beside the plan: usage type -> quantity and amount. */
async function linesOn(invoiceId: string): Promise<Record<string, [number, number]>> {
  const { data } = await service.stripe.invoiceItems.list({ invoice: invoiceId, limit: 100 })
  const ours = data.filter(({ discountable }) => !discountable)
  expect(ours).toHaveLength(data.length - 1)
  const lines = ours.map(
    ({ amount, metadata }) => [metadata?.usage_type ?? '', [Number(metadata?.quantity), amount]] as const,
  )
  expect(new Set(lines.map(([type]) => type)).size, 'a line of a type twice').toBe(lines.length)
  return Object.fromEntries(lines) as Record<string, [number, number]>
}
const base = (times = 1) => ({ platform_base: [1, times * baseCents] })

const rows = (who = tenant) =>
  service.context.db.reader
    .selectFrom('billing_usage_records')
    .selectAll()
    .where('tenant_id', '=', who.of.tenantId)
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

test("a renewal's draft gets a line per type of usage and the platform base, which no discount lowers", async () => {
  await use('case', 2)
  await use('api_call', 1500)
  await use('api_call', 549)
  await use('event_ingestion', 7)
  await use('api_call', 1, { occurred_at: new Date(clock.nowMs + 60_000).toISOString() })
  const coupon = await service.stripe.coupons.create({ percent_off: 50, duration: 'once' })
  const id = await renewal({ discounts: [{ coupon: coupon.id }] })
  await tell(id, 'invoice.created')
  await itemsTried()
  const { data: items } = await service.stripe.invoiceItems.list({ invoice: id, limit: 100 })
  const ours = items.filter(({ description }) => description !== 'The plan')
  expect(ours.map(({ amount, description, discountable }) => [description, amount, discountable])).toEqual(
    expect.arrayContaining([
      ['Cases: 2', 2000, false],
      ['API calls: 2049', 20, false],
      ['Events ingested: 7', 7, false],
      ['Platform base', baseCents, false],
    ]),
  )
  expect(ours).toHaveLength(4)
  const { total } = await service.stripe.invoices.retrieve(id)
  expect(total).toBe(planCents / 2 + 2000 + 20 + 7 + baseCents)
  expect(await whereabouts()).toEqual([...Array(4).fill([id, false]), [null, false]])
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
    await tell(id, 'invoice.created')
    await itemsTried()
    await service.close()
    sandbox.faults.clear()
    service = await started()
    pass(3_600_000)
    await carryOutDue(service)
    await itemsTried()
    expect(await linesOn(id)).toEqual(expected)
    await verified()
  })

  test('after a crash before the first call, a day later, when Stripe has forgotten the keys', async () => {
    const id = await renewal()
    sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: 'reset_after', count: 1 })
    sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: '500_before', count: 20 })
    await tell(id, 'invoice.created')
    await service.close()
    sandbox.faults.clear()
    service = await started()
    pass(25 * 3_600_000)
    await carryOutDue(service)
    await itemsTried()
    expect(await linesOn(id)).toEqual(expected)
  })
})

test('usage that comes after the draft was made up is late and goes on the next invoice', async () => {
  const usedAt = new Date(clock.nowMs).toISOString()
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
    const first = await renewal()
    const created = await eventAbout(first, 'invoice.created')
    await service.stripe.invoices.finalizeInvoice(first)
    sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: '429', count: 8 })
    await deliver(service, created)
    await tell(first, 'invoice.paid', { status: 'paid', total: 900, amount_paid: 900 })
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
    const created = await eventAbout(first, 'invoice.created')
    sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: '500_after', count: 1 })
    sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: '500_before', count: 20 })
    await deliver(service, created)
    await itemsTried()
    const inTime = await linesOn(first)
    expect(Object.keys(inTime)).toHaveLength(1)
    sandbox.faults.clear()
    await service.stripe.invoices.finalizeInvoice(first)
    pass(3_600_000)
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
    const planAlone = {
      total: planCents,
      lines: { data: [{ amount: planCents, parent: { type: 'subscription_item_details' } }] },
    }
    const first = await renewal()
    await service.stripe.invoices.finalizeInvoice(first)
    await tell(first, 'invoice.finalized', planAlone)
    await tell(first, 'invoice.paid', { ...planAlone, status: 'paid', amount_paid: planCents })
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
  await tell(first, 'invoice.created', { currency: 'eur' })
  await itemsTried()
  expect(service.logLines.join('')).toContain('usage is not on its invoice')
  expect(await linesOn(first)).toEqual({})
  expect(await factTypes()).toEqual(['usage.recorded', 'usage.invoice_missed'])
  expect(await linesOn(await renew())).toEqual({ case: [1, 1000], ...base(2) })
})

test('what was on a voided invoice goes on the next one', async () => {
  const recordId = await use('case', 1)
  const first = await renew()
  const conflict = await service.request('POST', `/billing/usage/${recordId}/void`)
  expect([conflict.status, conflict.body.error.details.invoice_id]).toEqual([409, first])
  await voidInvoice(first)
  expect(await whereabouts()).toEqual([[null, false]])
  const second = await renew()
  expect(await linesOn(second)).toEqual({ case: [1, 1000], ...base(2) })
  await pay(second)
  await tell(first, 'invoice.updated')
  expect(await whereabouts()).toEqual([[second, true]])
  await verified()
})

test('invoices that are no renewals get no lines', async () => {
  await use('case', 1)
  for (const billing_reason of ['subscription_create', 'subscription_update', 'manual']) {
    const id = await renewal()
    await tell(id, 'invoice.created', { billing_reason })
    await itemsTried()
    expect(await linesOn(id)).toEqual({})
  }
  expect(await whereabouts()).toEqual([[null, false]])
})

test('whatever happens, each record is on one valid invoice at Stripe or on none, as the tables say', async () => {
  const step = fc.oneof(
    fc.record({ does: fc.constant('use' as const), quantity: fc.integer({ min: 1, max: 9 }) }),
    fc.record({
      does: fc.constantFrom(
        'renew' as const,
        'renewTooLate' as const,
        'loseAnswers' as const,
        'tryItems' as const,
        'pay' as const,
        'void' as const,
      ),
    }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 14 }), async (steps) => {
      tenant = await subscribed()
      const unpaid: string[] = []
      const all: string[] = []
      let isLosing = false
      for (const [index, one] of steps.entries()) {
        pass(1000)
        const [oldest] = unpaid
        if (one.does === 'use') await use(index % 2 === 0 ? 'case' : 'user', one.quantity)
        else if (one.does === 'renew' || one.does === 'renewTooLate') {
          // The draft itself is not what the faults are about.
          sandbox.faults.clear()
          const id = await renewal()
          if (isLosing)
            sandbox.faults.add({ method: 'POST', path: '/v1/invoiceitems', kind: '500_after', count: 2 })
          isLosing = false
          unpaid.push(id)
          all.push(id)
          const created = await eventAbout(id, 'invoice.created')
          if (one.does === 'renewTooLate') await service.stripe.invoices.finalizeInvoice(id)
          await deliver(service, created)
        } else if (one.does === 'loseAnswers') isLosing = true
        else if (one.does === 'tryItems') await itemsTried()
        else if (oldest !== undefined) {
          unpaid.shift()
          await (one.does === 'pay' ? pay(oldest) : voidInvoice(oldest))
        }
      }
      sandbox.faults.clear()
      for (let tries = 0; tries < 4; tries += 1) {
        pass(3_600_000)
        await itemsTried()
      }
      await matchesStripe(all)
      // One more renewal has all that was left over.
      const last = await renew()
      await matchesStripe([...all, last])
      expect((await rows()).filter(({ invoice_id }) => invoice_id === null)).toEqual([])
      expect(await baseAtStripe([...all, last])).toBe((all.length + 1) * baseCents)
    }),
    { numRuns: 12 },
  )
  await verified()
}, 60_000)

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
  expect(await deliver(service, created)).toMatchObject({ status: 200 })
  await carryOutDue(service)
  const items = await service.stripe.invoiceItems.list({ invoice: draft })
  expect(items.data.map(({ metadata }) => metadata?.usage_type).sort()).toEqual([
    'case',
    'platform_base',
    undefined,
  ])
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
