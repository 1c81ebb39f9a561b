import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Months, openMonths } from '../support/months.ts'
import { settled, wizard } from '../support/wizard.ts'

/** A code that a tenant redeems once: it is for first purchases, by Stripe's own rule. */

let tenant: Months
beforeEach(async () => {
  tenant = await openMonths()
  const welcome = { code: 'WELCOME', percent_off: 50, first_time_transaction: true }
  expect(await tenant.ask('POST', '/billing/discounts', welcome)).toMatchObject({
    first_time_transaction: true,
  })
})
afterEach(() => tenant.close())

const subscribe = (tenant_id: string, customer_id: string, more: object = {}) =>
  tenant.service.request('POST', '/billing/subscriptions', {
    ...{ tenant_id, customer_id, price_id: 'price_basic_monthly', discount_code: 'WELCOME' },
    ...more,
  })
const endNow = () => tenant.does('cancel', { at_period_end: false })
const refused = {
  status: 422,
  body: {
    error: {
      code: 'invalid_request',
      details: {
        fields: [
          {
            path: 'discount_code',
            message: 'The discount code "WELCOME" is for first purchases alone, and there was one already.',
          },
        ],
      },
    },
  },
}

test('who has cancelled and subscribes again redeems it no more, and another tenant does', async () => {
  await tenant.subscribes('price_basic_monthly', { discount_code: 'WELCOME' })
  await tenant.to('2026-01-10T00:00')
  await endNow()
  expect(await subscribe('tenant_a', tenant.customerId)).toMatchObject(refused)
  expect(await tenant.subscribes()).toMatch(/^sub_/)

  const other = { tenant_id: 'tenant_b', email: 'b@example.com', name: 'B' }
  const { customer_id } = await tenant.ask('POST', '/billing/customers', other)
  const payment_method_id = (
    await tenant.stripe.paymentMethods.attach('pm_card_visa', { customer: customer_id })
  ).id
  expect(await subscribe('tenant_b', customer_id, { payment_method_id })).toMatchObject({ status: 200 })
  await settled(tenant.service)
  expect(await tenant.ask('GET', '/billing/discounts/WELCOME')).toMatchObject({ times_redeemed: 2 })
  await tenant.isRight()
})

test('a trial that was broken off counts as well', async () => {
  await tenant.subscribes('price_basic_monthly', { discount_code: 'WELCOME', trial_period_days: 14 })
  await endNow()
  expect(await subscribe('tenant_a', tenant.customerId, { trial_period_days: 14 })).toMatchObject(refused)
})

test('who buys between the choice of a plan and the subscription is told to choose again', async () => {
  const session = wizard(tenant.service, {
    choice: { plan_id: 'basic', price_id: 'price_basic_monthly', discount_code: 'WELCOME' },
  })
  await session.to('selectPlan')
  const customer = session.of.customerId
  await tenant.stripe.invoiceItems.create({ customer, amount: 1000, currency: 'usd' })
  const { id } = await tenant.stripe.invoices.create({
    customer,
    pending_invoice_items_behavior: 'include',
  })
  await tenant.stripe.invoices.finalizeInvoice(id)
  const reply = await session.createSubscription()
  expect(reply).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
  expect(reply.body.error.message).toContain('select the plan again without it')
})
