import { type Deed, type DiscountCode, discountCodes, type Plan } from '../story/deeds.ts'
import type { World } from './world.ts'

/** A tenant, and what it has from the service's replies. */
export type Tenant = {
  tenantId: string
  customerId: string
  /** Usage records that were not voided, the oldest first. */
  records: string[]
}

/** Makes every tenant a customer with a card, and the plans that the catalogue lacks. */
export async function openTenants(world: World, count: number): Promise<Tenant[]> {
  const { ask, stripe } = world
  for (const [id, interval, count, cents] of [
    ['price_basic_weekly', 'week', 1, 1_300],
    ['price_basic_quarterly', 'month', 3, 13_900],
  ] as const)
    await stripe.prices.create({
      lookup_key: id,
      product: 'prod_basic',
      currency: 'usd',
      unit_amount: cents,
      recurring: { interval, interval_count: count },
    })
  for (const code of discountCodes) await ask('POST', '/billing/discounts', { code, ...discounts[code] })
  const tenants: Tenant[] = []
  for (let number = 0; number < count; number++) {
    const tenantId = `Jeturing_sim${number}`
    const email = `tenant${number}@example.com`
    const customer = await ask<{ customer_id: string }>('POST', '/billing/customers', {
      ...{ tenant_id: tenantId, email, name: `Tenant ${number}` },
    })
    if (customer === undefined) throw new Error(`${tenantId} was refused a customer`)
    await giveCard(world, customer.customer_id, true)
    tenants.push({ tenantId, customerId: customer.customer_id, records: [] })
  }
  return tenants
}

/** Does what a step says. @param at unix seconds */
export async function perform(world: World, tenant: Tenant, deed: Deed, at: number): Promise<void> {
  const { ask } = world
  const { tenantId, customerId, records } = tenant
  switch (deed.do) {
    case 'subscribe':
      await ask('POST', '/billing/subscriptions', {
        ...{ tenant_id: tenantId, customer_id: customerId, price_id: await priceOf(world, deed.plan) },
        trial_period_days: deed.trialDays,
        ...(deed.discount !== null && { discount_code: deed.discount }),
      })
      return
    case 'use': {
      const record = await ask<{ record_id: string }>('POST', '/billing/usage', {
        ...{ tenant_id: tenantId, usage_type: deed.type, action: deed.action, quantity: deed.quantity },
        occurred_at: new Date((at - 60 * deed.minutesAgo) * 1000).toISOString(),
      })
      if (record !== undefined) records.push(record.record_id)
      return
    }
    case 'void_usage': {
      const [record] = records.splice(Math.floor(deed.pick * records.length), 1)
      if (record !== undefined) await ask('POST', `/billing/usage/${record}/void`, {})
      return
    }
    case 'change_plan':
      await ofSubscription('change-plan', { price_id: await priceOf(world, deed.plan) })
      return
    case 'cancel':
      await ofSubscription('cancel', { at_period_end: deed.atPeriodEnd })
      return
    case 'resume':
      await ofSubscription('resume', {})
      return
    case 'pause':
      await ofSubscription('pause', {})
      return
    case 'new_card':
      await giveCard(world, customerId, deed.works)
      return
    // Somebody does this at Stripe.
    case 'void_invoice':
      await ofInvoice('open', deed.pick, (id) => world.stripe.invoices.voidInvoice(id))
      return
    case 'retry_invoice':
      await ofInvoice('open', deed.pick, (id) => world.stripe.invoices.pay(id).catch(unlessDeclined))
      return
    case 'rebill_invoice':
      await ofInvoice('void', deed.pick, (id) => ask('POST', `/billing/invoices/${id}/rebill`, {}))
      return
    default:
      deed satisfies never
  }

  async function ofSubscription(verb: string, body: object): Promise<void> {
    const path = `/billing/subscriptions/tenant/${tenantId}`
    const subscription = await ask<{ subscription_id: string }>('GET', path)
    if (subscription !== undefined)
      await ask('POST', `/billing/subscriptions/${subscription.subscription_id}/${verb}`, body)
  }

  async function ofInvoice(
    status: 'open' | 'void',
    pick: number,
    act: (id: string) => Promise<unknown>,
  ): Promise<void> {
    const { data } = await world.stripe.invoices.list({ customer: customerId, status, limit: 100 })
    const invoice = data.toReversed()[Math.floor(pick * data.length)]
    if (invoice?.id !== undefined) await act(invoice.id)
  }
}

function unlessDeclined(error: unknown): void {
  if (!(error instanceof Error && 'statusCode' in error && error.statusCode === 402)) throw error
}

async function giveCard({ stripe }: World, customer: string, works: boolean): Promise<void> {
  const card = works ? 'pm_card_visa' : 'pm_card_chargeCustomerFail'
  const { id } = await stripe.paymentMethods.attach(card, { customer })
  await stripe.customers.update(customer, { invoice_settings: { default_payment_method: id } })
}

const discounts: Record<DiscountCode, object> = {
  FOREVER20: { percent_off: 20, duration: 'forever' },
  ONCE30: { percent_off: 30, duration: 'once' },
  'ONCE-4000': { amount_off: 4_000, currency: 'usd', duration: 'once' },
  'MONTHS-2-50': { percent_off: 50, duration: 'repeating', duration_in_months: 2 },
  'MONTHS-3-1500': { amount_off: 1_500, currency: 'usd', duration: 'repeating', duration_in_months: 3 },
}

const prices: Record<Plan, { id: string } | { lookupKey: string }> = {
  weekly: { lookupKey: 'price_basic_weekly' },
  monthly: { id: 'price_basic_monthly' },
  quarterly: { lookupKey: 'price_basic_quarterly' },
  yearly: { id: 'price_basic_yearly' },
  monthly_large: { id: 'price_professional_monthly' },
}

async function priceOf({ stripe }: World, plan: Plan): Promise<string> {
  const price = prices[plan]
  if ('id' in price) return price.id
  const { data } = await stripe.prices.list({ lookup_keys: [price.lookupKey] })
  return data[0]?.id ?? ''
}
