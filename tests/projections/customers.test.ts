import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { NewFact } from '../../src/log/facts.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, epoch, newFact, observed, recordAll, stripeEvent, tenant } from '../support/facts.ts'
import { projectedRows } from '../support/rows.ts'
import { customer, paymentMethod } from '../support/stripe-objects.ts'

describe.each(eachDatabase)('customers, cards and the catalogue on $name', ({ create }) => {
  let db: TestDatabase
  beforeEach(async () => {
    db = await create()
  })
  afterEach(() => db.close())

  const given = (...facts: NewFact[]) => recordAll(db, facts)
  const rowOf = async (table: string) => (await projectedRows(db.reader))[table]?.[0]

  test('a deleted customer stays deleted, whatever is seen of it later', async () => {
    await given(
      observed('customer', { id: 'cus_1', deleted: true }, 50, { isDeleted: true }),
      stripeEvent('customer.created', 'customer', customer({ email: 'a@b.c', balance: 7 }), 0),
      stripeEvent('customer.updated', 'customer', customer({ email: 'd@e.f' }), 99),
    )
    expect(await rowOf('billing_customers')).toMatchObject({
      is_deleted: 1,
      email: 'd@e.f',
      created_at: at(0),
      updated_at: at(99),
    })
  })

  test('a deleted coupon, product or price is not active any more', async () => {
    for (const type of ['coupon', 'product', 'price'] as const) {
      const object = { id: `${type}_1`, created: epoch, name: 'Größe & Co.', active: true, valid: true }
      await given(
        stripeEvent(`${type}.created`, type, object, 1, { tenantId: null }),
        stripeEvent(`${type}.deleted`, type, object, 2, { tenantId: null }),
      )
    }
    const dead = { is_active: 0, is_deleted: 1, tenant_id: null }
    expect(await rowOf('billing_discounts')).toMatchObject({ ...dead, code: 'coupon_1', kind: 'coupon' })
    expect(await rowOf('billing_products')).toMatchObject({ ...dead, plan_id: 'gro-e-co' })
    expect(await rowOf('billing_prices')).toMatchObject({ ...dead, amount_cents: null })
  })

  test.each([
    ['made', 'deleted', 'made again'],
    ['made again', 'deleted', 'made'],
    ['deleted', 'made', 'made again'],
    ['made again', 'made', 'deleted'],
  ] as const)('a coupon that is made again under its id is another one: %s, %s, %s', async (...order) => {
    const made = (seconds: number, percent_off: number) => {
      const coupon = { id: 'AGAIN', created: epoch + seconds, percent_off, valid: true }
      return stripeEvent('coupon.created', 'coupon', coupon, seconds, { tenantId: null })
    }
    const stub = { id: 'AGAIN', deleted: true }
    const sightings = {
      made: made(1, 10),
      deleted: observed('coupon', stub, 2, { tenantId: null, isDeleted: true }),
      'made again': made(3, 20),
    }
    await given(...order.map((sighting) => sightings[sighting]))
    expect(await rowOf('billing_discounts')).toMatchObject({
      percent_off_ppm: 200_000,
      is_active: 1,
      is_deleted: 0,
    })
  })

  test('what the API answered wins over a webhook of the same second, in either order', async () => {
    const event = stripeEvent('customer.updated', 'customer', customer({ email: 'event@b.c' }), 5)
    const answer = observed('customer', customer({ email: 'answer@b.c' }), 5)
    await given(event, answer)
    expect(await rowOf('billing_customers')).toMatchObject({ email: 'answer@b.c' })
    await given({ ...event, fact_id: 'again' })
    expect(await rowOf('billing_customers')).toMatchObject({ email: 'answer@b.c' })
  })

  test('a detached payment method stays detached and knows whose it was, until it is attached again', async () => {
    await given(
      stripeEvent('payment_method.detached', 'payment_method', paymentMethod({ customer: null }), 9),
      stripeEvent('payment_method.attached', 'payment_method', paymentMethod(), 9),
      stripeEvent('payment_method.updated', 'payment_method', paymentMethod(), 5),
    )
    expect(await rowOf('billing_payment_methods')).toMatchObject({ detached_at: at(9), customer_id: 'cus_1' })
    await given(stripeEvent('payment_method.attached', 'payment_method', paymentMethod(), 10))
    expect(await rowOf('billing_payment_methods')).toMatchObject({ detached_at: null, last4: '4242' })
  })

  test('an event that was not applied changes no table but its own, until it is released', async () => {
    const event = stripeEvent('customer.created', 'customer', customer(), 1, {
      tenantId: null,
      eventId: 'evt_1',
    })
    const parked = {
      ...event,
      data: { ...event.data, disposition: 'parked' as const, reason: 'unknown customer' },
    }
    await given(parked)
    expect(await rowOf('billing_customers')).toBeUndefined()
    expect(await rowOf('stripe_events')).toMatchObject({ disposition: 'parked', tenant_id: null })
    const { api_version: _, livemode: _live, disposition: _was, reason: _why, ...data } = event.data
    await given(newFact('stripe.event_released', data))
    expect(await rowOf('billing_customers')).toMatchObject({ tenant_id: tenant })
    expect(await rowOf('stripe_events')).toMatchObject({ disposition: 'released', tenant_id: tenant })
  })
})
