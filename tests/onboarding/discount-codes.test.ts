import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Reply } from '../support/requests.ts'
import { type Service, startService } from '../support/service.ts'
import { basicMonthly, carryOutDue, type Wizard, wizard } from '../support/wizard.ts'

/** What a code promises at step 4 is what Stripe takes off at step 5; what it cannot keep is refused in words. */

let service: Service
let tenant: Wizard
beforeEach(async () => {
  service = await startService({ environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
  tenant = wizard(service)
  await tenant.to('confirmCard')
})
afterEach(() => service.close())

/** No discount lowers the platform base, which the first invoice has beside the plan. */
const baseCents = 10_000
const select = (discount_code: string, choice: object = basicMonthly) =>
  tenant.selectPlan({ ...basicMonthly, ...choice, discount_code })
const problem = (reply: Reply) => {
  expect(reply).toMatchObject({ status: 422, body: { error: { code: 'invalid_request' } } })
  const [field] = reply.body.error.details.fields
  expect(field.path).toBe('discount_code')
  return field.message
}
const promote = async (coupon: object, code: object) => {
  const { id } = await service.stripe.coupons.create({ percent_off: 50, duration: 'once', ...coupon })
  return service.stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: id }, ...code })
}
/** What the first invoice came to, at Stripe. */
const firstTotal = async () => {
  const { data } = await service.stripe.invoices.list({ customer: tenant.of.customerId })
  expect(data).toHaveLength(1)
  return data[0]?.total
}

test('a coupon of other products is promised for none of this plan’s prices, and for its own it is given', async () => {
  await promote({ applies_to: { products: ['prod_basic'] } }, { code: 'BASICONLY' })
  const other = { plan_id: 'professional', price_id: 'price_professional_monthly' }
  expect(problem(await select('BASICONLY', other))).toBe(
    'The discount code "BASICONLY" is not for this plan.',
  )
  const chosen = await select('basiconly')
  expect(chosen).toMatchObject({ status: 200, body: { data: { discount_cents: 2450 } } })
  expect(await tenant.createSubscription()).toMatchObject({ status: 200 })
  expect(await firstTotal()).toBe(2_450 + baseCents)
})

test('a percentage of four decimals is promised to the cent', async () => {
  const price = await service.stripe.prices.create({
    product: 'prod_basic',
    currency: 'usd',
    unit_amount: 1_000_000,
    recurring: { interval: 'month' },
  })
  await promote({ percent_off: 33.3333 }, { code: 'THIRD' })
  const { body } = await select('THIRD', { price_id: price.id })
  expect(body.data).toMatchObject({
    discount: { percent_off_ppm: 333_333 },
    discount_cents: 333_333,
    amount_after_discount_cents: 666_667,
  })
  expect(await tenant.createSubscription()).toMatchObject({ status: 200 })
  expect(await firstTotal()).toBe(666_667 + baseCents)
})

test('a code with restrictions is promised to whom Stripe gives it, and refused to others', async () => {
  const minimum = (minimum_amount: number, minimum_amount_currency: string) => ({
    restrictions: { minimum_amount, minimum_amount_currency },
  })
  await promote({}, { code: 'LARGE', ...minimum(4901, 'usd') })
  await promote({}, { code: 'EURO', ...minimum(100, 'eur') })
  const stranger = await service.stripe.customers.create({})
  await promote({}, { code: 'NOTYOURS', customer: stranger.id })
  await promote({}, { code: 'ENOUGH', ...minimum(4900, 'usd') })
  const first = await promote({}, { code: 'FIRST', restrictions: { first_time_transaction: true } })

  expect(problem(await select('LARGE'))).toContain('larger purchases')
  expect(problem(await select('EURO'))).toContain('the price is in usd')
  expect(problem(await select('NOTYOURS'))).toContain('another customer')
  expect(await select('ENOUGH')).toMatchObject({ status: 200 })
  expect(await select('FIRST')).toMatchObject({ status: 200 })

  const subscribe = (customer: string, promotion_code: string) =>
    service.stripe.subscriptions.create({
      customer,
      items: [{ price: 'price_basic_monthly' }],
      discounts: [{ promotion_code }],
      default_payment_method: 'pm_card_visa',
    })
  const params = { customer: tenant.of.customerId, currency: 'usd', amount: 100 }
  await service.stripe.invoiceItems.create(params)
  const invoice = await service.stripe.invoices.create({
    customer: tenant.of.customerId,
    pending_invoice_items_behavior: 'include',
  })
  expect(await select('FIRST')).toMatchObject({ status: 200 })
  await service.stripe.invoices.finalizeInvoice(invoice.id)
  await tenant.selectPlan(basicMonthly)
  expect(problem(await select('FIRST'))).toContain('first purchases alone')
  await expect(subscribe(tenant.of.customerId, first.id)).rejects.toThrow(/prior transactions/)
  await service.stripe.invoices.voidInvoice(invoice.id)
  expect(await select('FIRST')).toMatchObject({ status: 200 })
  expect(await tenant.createSubscription()).toMatchObject({ status: 200 })
})

test('an amount in another currency than the price’s is refused, wherever it is offered', async () => {
  const euros = { code: 'EUROS', amount_off: 500, currency: 'eur' }
  expect(await service.request('POST', '/billing/discounts', euros)).toMatchObject({ status: 200 })
  const why = 'The discount code "EUROS" takes off an amount in eur, but the price is in usd.'
  expect(problem(await select('EUROS'))).toBe(why)
  const { tenantId: tenant_id, customerId: customer_id, sessionId: session_id } = tenant.of
  const question = { session_id, ...basicMonthly, discount_code: 'EUROS' }
  expect(problem(await service.request('POST', '/onboarding/step/preview-plan', question))).toBe(why)
  const price_id = 'price_basic_monthly'
  const order = { tenant_id, customer_id, price_id, discount_code: 'EUROS' }
  expect(problem(await service.request('POST', '/billing/subscriptions', order))).toBe(why)
})

test('months of a discount that are over before the trial is are promised to nobody', async () => {
  await promote({ duration: 'repeating', duration_in_months: 1 }, { code: 'MONTH' })
  const { tenantId: tenant_id, customerId: customer_id } = tenant.of
  const order = { tenant_id, customer_id, price_id: 'price_basic_monthly', discount_code: 'MONTH' }
  const subscribe = (trial_period_days: number) =>
    service.request('POST', '/billing/subscriptions', { ...order, trial_period_days })
  expect(problem(await subscribe(31))).toBe('The discount code "MONTH" ends before the trial does.')
  expect(await subscribe(27)).toMatchObject({ status: 200 })
})

test('a code that is deleted at Stripe does not exist, and one that is made again there works, heard of or not', async () => {
  const { id } = await promote({ id: 'COMEBACK' }, { code: 'COMEBACK' })
  expect(await select('COMEBACK')).toMatchObject({ status: 200 })
  await tenant.selectPlan(basicMonthly)
  await service.stripe.promotionCodes.update(id, { active: false })
  await service.stripe.coupons.del('COMEBACK')
  expect(problem(await select('COMEBACK'))).toBe('The discount code "COMEBACK" does not exist.')
  expect((await service.request('GET', '/billing/discounts/COMEBACK')).status).toBe(404)
  const listed = (await service.request('GET', '/billing/discounts')).body.data.items
  expect(listed.map(({ code }: { code: string }) => code)).toEqual(['LAUNCH50'])

  await promote({ percent_off: 10 }, { code: 'ComeBack' })
  expect(await select('COMEBACK')).toMatchObject({ status: 200, body: { data: { discount_cents: 490 } } })
  expect((await service.request('GET', '/billing/discounts/COMEBACK')).body.data).toMatchObject({
    percent_off: 10,
    is_active: true,
  })
})

test('the count of redemptions is as fresh as the last subscription', async () => {
  const limited = { code: 'TWICE', percent_off: 20, max_redemptions: 2 }
  await service.request('POST', '/billing/discounts', limited)
  expect(await select('TWICE')).toMatchObject({ status: 200 })
  expect(await tenant.createSubscription()).toMatchObject({ status: 200 })
  await carryOutDue(service)
  const rows = await service.context.db.reader
    .selectFrom('billing_discounts')
    .select(['kind', 'times_redeemed'])
    .where('code', '=', 'TWICE')
    .orderBy('kind')
    .execute()
  expect(rows).toEqual([
    { kind: 'coupon', times_redeemed: 1 },
    { kind: 'promotion_code', times_redeemed: 1 },
  ])
})

test('an odd code does not exist, and is no failure', async () => {
  const odd = ['.', '..', '../coupons', '%2F', '%2e%2e', 'a/b', 'a b', '\u0000', 'é', '🚀', '\ud83d']
  for (const discount_code of [...odd, 'x'.repeat(128), 'x'.repeat(5000)]) {
    const choice = { session_id: tenant.of.sessionId, ...basicMonthly, discount_code }
    for (const step of ['preview-plan', 'select-plan'])
      expect(await service.request('POST', `/onboarding/step/${step}`, choice)).toMatchObject({ status: 422 })
    const path = encodeURIComponent(discount_code.toWellFormed()).replaceAll('.', '%2E')
    expect([404, 422]).toContain((await service.request('GET', `/billing/discounts/${path}`)).status)
  }
  const gone = { session_id: tenant.of.sessionId, plan_id: 'basic', price_id: '..' }
  expect(await service.request('POST', '/onboarding/step/select-plan', gone)).toMatchObject({ status: 422 })
})
