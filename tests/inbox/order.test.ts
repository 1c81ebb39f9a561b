import fc from 'fast-check'
import type Stripe from 'stripe'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AppContext } from '../../src/context.ts'
import { openDatabase } from '../../src/db/database.ts'
import { migrate } from '../../src/db/migrate.ts'
import { ingest } from '../../src/inbox/ingest.ts'
import { takeIn } from '../../src/inbox/take-in.ts'
import type { NewFact } from '../../src/log/facts.ts'
import { createContext } from '../../src/main.ts'
import { record } from '../../src/projections/record.ts'
import type { StripeObjectType } from '../../src/stripe/object-types.ts'
import { ensureRateCard } from '../../src/usage/ensure-rate-card.ts'
import { testKeys } from '../support/databases.ts'
import { projectedRows } from '../support/rows.ts'
import { type Service, startService } from '../support/service.ts'
import { history } from '../support/webhooks.ts'
import { applicant, basicMonthly, refreshed, type Wizard, wizard } from '../support/wizard.ts'

/**
 * What really happens to a tenant at Stripe, played through the sandbox and read from its Events API, reaches fresh
 * databases in any order and more than once. Much of it happens within one second, which is all that events are dated by.
 */
describe.each(['lives on', 'ends'] as const)('a tenant who %s', (fate) => {
  const clock = { nowMs: Date.parse('2026-11-02T09:00:00.000Z') }
  let service: Service
  let tenant: Wizard
  let events: Stripe.Event[]
  let inOrder: Tables

  beforeAll(async () => {
    service = await startService({ clock })
    tenant = wizard(service, { choice: { ...basicMonthly, discount_code: 'LAUNCH50' } })
    await tenant.to('createSubscription')
    await live(service.stripe, tenant, clock)
    if (fate === 'ends') await end(service.stripe, tenant, clock)
    events = await history(service.stripe)
    inOrder = await delivered(events)
  })
  afterAll(() => service.close())

  test('the history has events of one second about one object, and every kind of object', () => {
    const moments = events.map(({ created, data }) => `${created} ${(data.object as { id: string }).id}`)
    expect(moments.length - new Set(moments).size).toBeGreaterThan(5)
    const kinds = new Set(events.map(({ data }) => (data.object as unknown as { object: string }).object))
    for (const kind of ['customer', 'subscription', 'invoice', 'payment_method', 'setup_intent'])
      expect(kinds).toContain(kind)
    for (const kind of ['product', 'price', 'coupon', 'promotion_code']) expect(kinds).toContain(kind)
  })

  test('in any order, each any number of times, they end in the same tables', async () => {
    const orders = fc.array(fc.nat(), { minLength: events.length, maxLength: 2 * events.length })
    await fc.assert(
      fc.asyncProperty(orders, async (weights) => {
        const deliveries = weights.map((weight, index) => ({ weight, event: events[index % events.length] }))
        deliveries.sort((a, b) => a.weight - b.weight)
        expect(await delivered(deliveries.map(({ event }) => event as Stripe.Event))).toEqual(inOrder)
      }),
      { numRuns: 12 },
    )
  })

  test('in the opposite order they end in the same tables', async () => {
    expect(await delivered(events.toReversed())).toEqual(inOrder)
  })

  test("they end in Stripe's own state", async () => {
    const asked = await askedTables()
    for (const table of [
      'billing_customers',
      'billing_subscriptions',
      'billing_invoices',
      'billing_payment_methods',
    ] as const)
      expect(inOrder[table]?.map(withoutHistory), table).toEqual(asked[table]?.map(withoutHistory))
  })

  type Tables = Record<string, Record<string, unknown>[]>

  /** A fresh database in memory that knows the tenant, after these deliveries. */
  async function delivered(deliveries: Stripe.Event[]): Promise<Tables> {
    return onFreshDatabase(async (context) => {
      for (const event of deliveries) await ingest(context, event)
      await refreshed({ context })
    })
  }

  /** What the tables are when Stripe is asked for every object instead. */
  function askedTables(): Promise<Tables> {
    return onFreshDatabase(async (context) => {
      const objects = events.map(
        ({ data }) => data.object as { id: string; object: string; customer?: string },
      )
      const stranger = objects.find((object) => 'email' in object && object.email === strangersEmail)?.id
      const known = objects.filter(({ id, customer }) => id !== stranger && customer !== stranger)
      const ids = new Map(known.map(({ id, object }) => [id, object]))
      for (const [id, objectType] of ids) {
        if (!asked.includes(objectType)) continue
        const seen = await context.stripe?.fetch(objectType as StripeObjectType, id)
        if (seen === undefined) throw new Error('Stripe is switched off')
        const { observation } = seen
        await context.transact({ actor: 'worker' }, (turn) =>
          takeIn(turn, [observation], { cause: id, tenantId: tenant.of.tenantId }),
        )
      }
    })
  }

  async function onFreshDatabase(work: (context: AppContext) => Promise<void>): Promise<Tables> {
    const db = openDatabase('file::memory:', testKeys())
    await migrate(db)
    const { config, log, now } = service.context
    const context = createContext({ config, log, now, db })
    await ensureRateCard(context, config)
    const started: NewFact<'onboarding.started'> = {
      fact_id: `start:${tenant.of.sessionId}`,
      type: 'onboarding.started',
      tenant_id: tenant.of.tenantId,
      data: {
        session_id: tenant.of.sessionId,
        expires_at: '2027-01-01T00:00:00.000Z',
        request_hash: '0'.repeat(64),
        personal: { ...applicant, success_url: null },
      },
      metadata: { actor: 'worker' },
      occurred_at: '2026-11-02T09:00:00.000Z',
    }
    await db.transact((trx) =>
      record(trx, `onboarding-${tenant.of.sessionId}`, 0, [started], started.occurred_at),
    )
    await work(context)
    const tables = comparable(await projectedRows(db.reader))
    await context.effects.stop()
    await db.close()
    return tables
  }
})

const asked = ['customer', 'subscription', 'invoice', 'payment_method', 'product', 'price']

/** Windows, lines and access depend on when something becomes known, and these deliveries all come at one moment. */
const byTheHour = [
  ...['billing_windows', 'billing_window_dues', 'billing_usage_lines', 'billing_pauses'],
  'billing_access',
]

/** `as_of` says how new the sighting is that a row shows, and how an event came in depends on what came before it. */
function comparable(tables: Record<string, object[]>): Record<string, Record<string, unknown>[]> {
  const dependsOnOrder = ['as_of', 'updated_at', 'received_at', 'disposition', 'reason']
  return Object.fromEntries(
    Object.entries(tables)
      .filter(([table]) => !byTheHour.includes(table))
      .map(([table, rows]) => [
        table,
        rows.map((row) =>
          Object.fromEntries(Object.entries(row).filter(([name]) => !dependsOnOrder.includes(name))),
        ),
      ]),
  )
}

/** Without what the object, as it is now, does not tell any more; of one that is deleted there is the id alone. */
function withoutHistory(row: Record<string, unknown>): object {
  const past = ['payment_failed_at', 'created_at']
  if (row.is_deleted === 1) past.push('name', 'email', 'phone', 'default_payment_method_id')
  const isDetached = typeof row.detached_at === 'string'
  if (isDetached) past.push('customer_id', 'detached_at')
  return { isDetached, ...Object.fromEntries(Object.entries(row).filter(([name]) => !past.includes(name))) }
}

const strangersEmail = 'stranger@example.com'

type Clock = { nowMs: number }

async function live(stripe: Stripe, { of }: Wizard, clock: Clock): Promise<void> {
  const later = (seconds: number) => {
    clock.nowMs += seconds * 1000
  }
  const item = (await stripe.subscriptions.retrieve(of.subscriptionId)).items.data[0]?.id ?? ''
  later(1)
  await stripe.customers.update(of.customerId, { name: 'Ada King' })
  await stripe.customers.update(of.customerId, { email: 'ada@analytical.example' })
  await stripe.subscriptions.update(of.subscriptionId, { cancel_at_period_end: true })
  await stripe.subscriptions.update(of.subscriptionId, { cancel_at_period_end: false })
  later(5)
  const { id: failing } = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', {
    customer: of.customerId,
  })
  await stripe.subscriptions.update(of.subscriptionId, {
    items: [{ id: item, price: 'price_professional_monthly' }],
    default_payment_method: failing,
  })
  later(3600)
  await stripe.subscriptions.update(of.subscriptionId, { trial_end: 'now' })
  later(60)
  const { id: good } = await stripe.paymentMethods.attach('pm_card_mastercard', { customer: of.customerId })
  await stripe.customers.update(of.customerId, { invoice_settings: { default_payment_method: good } })
  await stripe.paymentMethods.detach(failing)
  const open = await stripe.invoices.list({ customer: of.customerId, status: 'open' })
  for (const { id } of open.data) await stripe.invoices.pay(id, { payment_method: good })
  await stripe.subscriptions.update(of.subscriptionId, { default_payment_method: good })

  const product = await stripe.products.create({ name: 'Extra' })
  await stripe.products.update(product.id, { name: 'Extra large' })
  const price = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 700 })
  await stripe.prices.update(price.id, { active: false })
  const coupon = await stripe.coupons.create({ percent_off: 20, duration: 'forever' })
  const code = await stripe.promotionCodes.create({
    promotion: { type: 'coupon', coupon: coupon.id },
    code: 'TWENTY',
  })
  await stripe.promotionCodes.update(code.id, { active: false })
  later(1)
  await stripe.coupons.del(coupon.id)
  // Somebody who is nobody's tenant.
  await stripe.customers.create({ email: strangersEmail, payment_method: 'pm_card_visa' })
}

async function end(stripe: Stripe, { of }: Wizard, clock: Clock): Promise<void> {
  clock.nowMs += 1000
  await stripe.subscriptions.update(of.subscriptionId, { metadata: { why: 'leaving' } })
  await stripe.subscriptions.cancel(of.subscriptionId)
  await stripe.customers.del(of.customerId)
}
