import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { type Months, openMonths } from '../support/months.ts'

describe.each(eachDatabase)('on $name', ({ create }) => {
  let database: TestDatabase
  let tenant: Months
  const opened = (options = {}) => openMonths({ ...options, environment: { DATABASE_URL: database.url } })
  beforeEach(async () => {
    database = await create()
  })
  afterEach(async () => {
    await tenant.close()
    await database.close()
  })

  const cardOfItsOwn = async () => {
    const { id } = await tenant.stripe.paymentMethods.attach('pm_card_mastercard', {
      customer: tenant.customerId,
    })
    return id
  }
  const paidWith = async () => {
    const charges = await tenant.stripe.charges.list({ customer: tenant.customerId, limit: 1 })
    return charges.data[0]?.payment_method
  }
  const errors = (message: string) =>
    tenant.service.logLines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === message)

  test('an invoice of our own is paid with the subscription’s card, and where that was detached with the customer’s', async () => {
    tenant = await opened()
    const card = await cardOfItsOwn()
    await tenant.subscribes('price_basic_yearly', { payment_method_id: card })
    await tenant.to('2026-02-01T02:00')
    expect(await paidWith()).toBe(card)
    await tenant.uses('case', 3)
    await tenant.stripe.paymentMethods.detach(card)
    await tenant.to('2026-03-01T02:00')
    expect(await paidWith()).not.toBe(card)
    expect(await tenant.invoices()).toEqual([
      '2026-01-01T00:00 paid 59000: First base 10000, plan 49000',
      '2026-02-01T01:00 paid 10000: Platform base 1 Feb 10000',
      '2026-03-01T01:00 paid 13000: Cases 1 Feb 3000, Platform base 1 Mar 10000',
    ])
    await tenant.isRight()
  })

  test('with a detached card and no other the invoice is there, and is tried again', async () => {
    tenant = await opened()
    const card = await cardOfItsOwn()
    await tenant.subscribes('price_basic_yearly', { payment_method_id: card })
    await tenant.stripe.paymentMethods.detach(card)
    await tenant.stripe.customers.update(tenant.customerId, {
      invoice_settings: { default_payment_method: '' },
    })
    await tenant.to('2026-02-03T02:00')
    expect((await tenant.invoices()).slice(1)).toEqual([
      '2026-02-01T01:00 open 10000: Platform base 1 Feb 10000',
    ])
    await tenant.pays('pm_card_visa')
    await tenant.to('2026-02-05T02:00')
    expect((await tenant.invoices()).slice(1)).toEqual([
      '2026-02-01T01:00 paid 10000: Platform base 1 Feb 10000',
    ])
    await tenant.isRight()
  })

  test('the last invoice of a subscription, refused by Stripe, is tried again an hour later, then after twice as long each time', async () => {
    tenant = await opened()
    await tenant.subscribes()
    await tenant.uses('case', 3)
    await tenant.does('cancel')
    await tenant.to('2026-02-01T00:30')
    tenant.service.sandbox.faults.add({ method: 'POST', path: '/v1/invoices', kind: '400', count: 3 })
    await tenant.to('2026-02-03T00:00')
    expect(await tenant.invoices()).toEqual([
      '2026-01-01T00:00 paid 14900: First base 10000, plan 4900',
      '2026-02-01T08:00 paid 3000: Cases 1 Jan 3000',
    ])
    expect(errors('an invoice of our own was refused; its lines wait for the next')).toHaveLength(3)
    await tenant.addsUp()
  })

  test('of a customer that was deleted at Stripe nothing is asked for again', async () => {
    tenant = await opened({ webhooks: false })
    await tenant.subscribes()
    await tenant.uses('case', 3)
    await tenant.to('2026-01-10T00:00')
    await tenant.does('cancel', { at_period_end: false })
    await tenant.to('2026-01-10T00:59:58')
    await tenant.stripe.customers.del(tenant.customerId)
    await tenant.to('2026-01-20T00:00')
    expect(errors('an invoice of our own was refused; its lines wait for the next')).toHaveLength(1)
    expect(await tenant.nextCents()).toBeNull()
  })
})
