import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { why } from '../../src/ops/why.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, epoch, observed, recordAll, stripeEvent, tenant } from '../support/facts.ts'
import { invoice, recordIncident, session } from '../support/incident.ts'

describe.each(eachDatabase)('why on $name', ({ create }) => {
  let db: TestDatabase
  let end: number
  beforeAll(async () => {
    db = await create()
    end = (await recordIncident(db)).end
    const coupon = { id: 'SAVE', object: 'coupon', created: epoch, percent_off: 50, duration: 'once' }
    const parked = stripeEvent('customer.updated', 'customer', { id: 'cus_nobody' }, 70, {
      tenantId: null,
      eventId: 'evt_parked',
    })
    await recordAll(
      db,
      [
        stripeEvent('invoice.paid', 'invoice', invoice('paid', 20_400), 31 * 86_400 + 1),
        stripeEvent('coupon.created', 'coupon', coupon, 60, { tenantId: null }),
        { ...parked, data: { ...parked.data, disposition: 'parked', reason: 'unknown customer' } },
      ],
      at(80),
    )
  })
  afterAll(() => db.close())

  test('a value has the facts that changed it, before and after', async () => {
    const { facts, row, tenant_id } = await why(db, 'billing_customers', 'cus_ada', 'email')
    expect([tenant_id, row.email]).toEqual([tenant, 'ada@new.example.com'])
    expect(facts).toMatchObject([
      {
        type: 'stripe.object_observed',
        actor: 'worker',
        changes: [{ before: null, after: 'ada@example.com' }],
      },
      {
        type: 'stripe.event_received',
        position: end - 1,
        changes: [{ column: 'email', before: 'ada@example.com', after: 'ada@new.example.com' }],
      },
    ])
  })

  test('a refresh names the event that asked for it, with what Stripe said and why a payment failed', async () => {
    const failed = stripeEvent('invoice.payment_failed', 'invoice', invoice('open', 20_400), 100, {
      eventId: 'evt_failed',
    })
    const payment = stripeEvent('payment_intent.payment_failed', 'customer', { id: 'pi_1' }, 99, {
      tenantId: null,
      eventId: 'evt_payment',
    })
    const refresh = observed('invoice', { ...invoice('open', 20_400), attempt_count: 3 }, 101)
    const metadata = { actor: 'worker', causation: 'refresh:in_ada:evt_failed' }
    const own = await create()
    await recordAll(own, [
      { ...failed, data: { ...failed.data, customer_id: 'cus_ada' } },
      {
        ...payment,
        data: {
          ...payment.data,
          ...{
            customer_id: 'cus_ada',
            object_type: 'payment_intent',
            disposition: 'ignored',
            reason: 'type',
          },
          ...{ code: 'card_declined', decline_code: 'insufficient_funds' },
        },
      },
      { ...refresh, metadata },
    ])
    const { facts } = await why(own, 'billing_invoices', 'in_ada', 'attempt_count')
    expect(facts.at(-1)).toMatchObject({
      type: 'stripe.object_observed',
      about: 'invoice in_ada',
      event: {
        position: 1,
        event_id: 'evt_failed',
        about: 'invoice.payment_failed in_ada card_declined insufficient_funds',
      },
    })
    await own.close()
  })

  test('a row has all its facts, in order', async () => {
    const { facts } = await why(db, 'onboarding_sessions', session)
    expect(facts).toHaveLength(10)
    expect(facts.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  test('a usage record has the fact that recorded it and the invoice’s that billed it', async () => {
    const { facts } = await why(db, 'billing_usage_records', 'usg_1', 'invoice_id')
    expect(facts).toMatchObject([{ position: end + 1, changes: [{ before: null, after: 'in_ada' }] }])
    const all = await why(db, 'billing_usage_records', 'usg_1')
    expect(all.facts.map(({ type }) => type)).toEqual(['usage.recorded', 'stripe.event_received'])
  })

  test('an invoice has the usage behind its lines', async () => {
    const { usage_lines } = await why(db, 'billing_invoices', 'in_ada')
    expect(usage_lines).toMatchObject([
      { usage_type: 'case', quantity: 3, amount_cents: 3000, facts: [{}, {}] },
      { usage_type: 'api_call', quantity: 250_000, amount_cents: 2500, facts: [{ type: 'usage.recorded' }] },
    ])
  })

  test('rows of no tenant have theirs', async () => {
    expect(await why(db, 'billing_discounts', 'SAVE')).toMatchObject({ tenant_id: null, facts: [{}] })
    expect(await why(db, 'stripe_events', 'evt_parked', 'disposition')).toMatchObject({
      facts: [{ changes: [{ after: 'parked' }] }],
    })
  })

  test('a row that somebody has deleted from its table is still explained', async () => {
    await db.reader.deleteFrom('billing_payment_methods').execute()
    await db.reader.deleteFrom('billing_usage_records').where('record_id', '=', 'usg_2').execute()
    expect((await why(db, 'billing_usage_records', 'usg_2')).facts[0]).toMatchObject({
      type: 'usage.recorded',
    })
  })

  test('what there is none of is refused by name', async () => {
    await expect(why(db, 'billing_refunds', 'x')).rejects.toThrow('no table of the log')
    await expect(why(db, 'billing_customers', 'cus_ada', 'shoe_size')).rejects.toThrow('no column shoe_size')
    await expect(why(db, 'billing_customers', "cus_'; drop")).rejects.toThrow('No such row')
  })
})
