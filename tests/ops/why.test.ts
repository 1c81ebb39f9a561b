import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { streams } from '../../src/log/facts.ts'
import { why } from '../../src/ops/why.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, epoch, newFact, observed, recordAll, stripeEvent, tenant } from '../support/facts.ts'
import { invoice, recordIncident, session } from '../support/incident.ts'
import { januaryId, recordMonth } from '../support/month.ts'

describe.each(eachDatabase)('why on $name', ({ create }) => {
  let db: TestDatabase
  let end: number
  let month: Awaited<ReturnType<typeof recordMonth>>
  beforeAll(async () => {
    db = await create()
    end = (await recordIncident(db)).end
    month = await recordMonth(db)
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

  test('a usage record has the fact that recorded it', async () => {
    const { facts, usage_lines } = await why(db, 'billing_usage_records', 'usg_1')
    expect(facts.map(({ type }) => type)).toEqual(['usage.recorded'])
    expect(usage_lines).toBeNull()
  })

  test('an invoice has our lines on it, each with its month, its price, and the positions that prove it', async () => {
    const { usage_lines } = await why(db, 'billing_invoices', 'in_january')
    const counted = { stream: streams.usage(tenant), after_position: 0, upto_position: month.upto }
    const january = { starts_at: '2026-01-01T00:00:10.000Z', ends_at: '2026-02-01T00:00:10.000Z' }
    expect(usage_lines).toMatchObject([
      {
        ...{ line_id: 'line_cases', usage_type: 'case', kind: 'item', quantity: '3', amount_cents: 3000 },
        ...january,
        rates: [{ rate_cents: 1000, per_units: 1 }],
        refusal: null,
        counted,
        facts: [
          { type: 'usage.line_asked', position: month.end - 3 },
          { type: 'usage.window_closed', position: month.closed },
        ],
      },
      {
        ...{ line_id: 'line_calls', quantity: '250000', amount_cents: 2500, counted },
        rates: [{ rate_cents: 10, per_units: 1000 }],
      },
      // Of a month that goes on nothing has closed it.
      {
        ...{ line_id: 'line_base', starts_at: january.ends_at, refusal: 'invoice_not_editable', counted },
        facts: [{ type: 'usage.line_asked' }],
      },
    ])
  })

  test('a line says that it was refused, and by which fact', async () => {
    const { row, facts, usage_lines } = await why(db, 'billing_usage_lines', 'line_base')
    expect(row).toMatchObject({ charged_cents: 0, refusal: 'invoice_not_editable' })
    expect(facts.map(({ type }) => type)).toEqual(['usage.line_asked', 'usage.line_refused'])
    expect(usage_lines).toMatchObject([{ line_id: 'line_base', quantity: '1', amount_cents: 10_000 }])
  })

  test('a month has the facts that opened and closed it, and its lines', async () => {
    const { facts, usage_lines } = await why(db, 'billing_windows', januaryId)
    expect(facts.map(({ type }) => type)).toEqual([
      'usage.window_opened',
      'usage.window_closed',
      'usage.lines_made',
    ])
    expect(usage_lines?.map(({ line_id }) => line_id)).toEqual(['line_cases', 'line_calls'])
  })

  test('what was counted again begins where the line before it had ended', async () => {
    const again = newFact('usage.line_asked', {
      ...{ line_id: 'line_more', subscription_id: 'sub_ada', window_start: at(10), usage_type: 'case' },
      ...{ kind: 'item', invoice_id: 'in_more', invoice_key: null, customer_id: 'cus_ada', currency: 'usd' },
      ...{ quantity: '4', amount_cents: 1000, upto_position: month.end, description: 'more' },
      personal: { reason: null },
    })
    await recordAll(db, [again], at(32 * 86_400))
    const { usage_lines } = await why(db, 'billing_usage_lines', 'line_more')
    expect(usage_lines).toMatchObject([
      { quantity: '4', counted: { after_position: month.upto, upto_position: month.end } },
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
