import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { NewFact } from '../../src/log/facts.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, epoch, observed, recordAll, stripeEvent } from '../support/facts.ts'
import { projectedRows } from '../support/rows.ts'
import { subscription } from '../support/stripe-objects.ts'

describe.each(eachDatabase)('subscriptions on $name', ({ create }) => {
  let db: TestDatabase
  beforeEach(async () => {
    db = await create()
  })
  afterEach(() => db.close())

  const given = (...facts: NewFact[]) => recordAll(db, facts)
  const rowOf = async (table: string) => (await projectedRows(db.reader))[table]?.[0]

  test('a canceled subscription lives no more, though its last update was delivered after and is dated later', async () => {
    await given(
      stripeEvent(
        'customer.subscription.deleted',
        'subscription',
        subscription('canceled', { ended_at: epoch + 5 }),
        5,
      ),
      stripeEvent('customer.subscription.updated', 'subscription', subscription('active'), 5),
      observed('subscription', subscription('active'), 6),
    )
    expect(await rowOf('billing_subscriptions')).toMatchObject({ status: 'canceled', ended_at: at(5) })
  })

  test('a subscription that Stripe no longer has is canceled, and keeps what was known of it', async () => {
    await given(
      observed('subscription', subscription('active', { metadata: { plan_id: 'pro' } }), 1),
      observed('subscription', { id: 'sub_1', deleted: true }, 9, { isDeleted: true }),
      stripeEvent('customer.subscription.updated', 'subscription', subscription('past_due'), 2),
    )
    expect(await rowOf('billing_subscriptions')).toMatchObject({
      status: 'canceled',
      customer_id: 'cus_1',
      as_of: epoch + 2,
    })
  })

  test('a subscription shows its first item: price, quantity, period and amount', async () => {
    const item = {
      id: 'si_1',
      quantity: 3,
      current_period_start: epoch,
      current_period_end: epoch + 60,
      price: {
        id: 'price_1',
        unit_amount: 2500,
        currency: 'usd',
        recurring: { interval: 'month' },
        metadata: { plan_id: 'team' },
      },
    }
    await given(
      observed('subscription', subscription('active', { items: { data: [item] }, pause_collection: {} }), 1),
    )
    expect(await rowOf('billing_subscriptions')).toMatchObject({
      price_id: 'price_1',
      plan_id: 'team',
      quantity: 3,
      amount_cents: 7500,
      billing_interval: 'month',
      current_period_start: at(0),
      current_period_end: at(60),
      is_paused: 1,
    })
  })

  test('a webhook, which has a discount’s id alone, does not forget its terms', async () => {
    const expanded = {
      id: 'di_1',
      source: { coupon: { id: 'LAUNCH50', percent_off: 50, duration: 'once' } },
      promotion_code: 'promo_1',
      end: null,
    }
    const answer = observed('subscription', subscription('active', { discounts: [expanded] }), 1)
    const event = stripeEvent(
      'customer.subscription.updated',
      'subscription',
      subscription('active', { discounts: ['di_1', 'di_2'] }),
      2,
    )
    await given(event, answer)
    const row = (await rowOf('billing_subscriptions')) as { discounts: string }
    const unknown = { amount_off_cents: null, product_ids: null, ends_at: null }
    expect(JSON.parse(row.discounts)).toEqual([
      {
        ...unknown,
        discount_id: 'di_1',
        coupon_id: 'LAUNCH50',
        promotion_code_id: 'promo_1',
        percent_off: 50,
        duration: 'once',
      },
      {
        ...unknown,
        discount_id: 'di_2',
        coupon_id: null,
        promotion_code_id: null,
        percent_off: null,
        duration: null,
      },
    ])
  })

  test('says how it is collected, under which key it was made, and whether its collection is paused', async () => {
    await given(observed('subscription', subscription('active'), 1))
    expect(await rowOf('billing_subscriptions')).toMatchObject({
      ...{ collection_method: 'charge_automatically', days_until_due: null, made_under: null },
      ...{ is_paused: 0, is_collection_paused: 0 },
    })
    const sent = {
      ...{ collection_method: 'send_invoice', days_until_due: 30, metadata: { stepledger_key: 'key_1' } },
      pause_collection: { behavior: 'void', resumes_at: null },
    }
    await given(observed('subscription', subscription('active', sent), 2))
    expect(await rowOf('billing_subscriptions')).toMatchObject({
      ...{ collection_method: 'send_invoice', days_until_due: 30, made_under: 'key_1' },
      ...{ is_paused: 1, is_collection_paused: 1 },
    })
    await given(observed('subscription', subscription('paused'), 3))
    expect(await rowOf('billing_subscriptions')).toMatchObject({ is_paused: 1, is_collection_paused: 0 })
  })
})
