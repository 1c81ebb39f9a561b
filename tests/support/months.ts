import type Stripe from 'stripe'
import { expect } from 'vitest'
import { verifyTables } from '../../src/projections/replay.ts'
import { judge } from '../../src/simulation/judge/judge.ts'
import { keyInMetadata } from '../../src/stripe/call.ts'
import { usageProductId } from '../../src/stripe/usage-product.ts'
import { type Service, type ServiceOptions, startService } from './service.ts'
import { carryOutDue, settled } from './wizard.ts'

export type Months = Awaited<ReturnType<typeof openMonths>>

/** A tenant with a card, at the beginning of 2026; time stands but for `to`. What an agent costs a month: 5000, a case 1000, the base 10000. */
export async function openMonths(options: ServiceOptions = {}) {
  const service = await startService({
    webhooks: true,
    ...options,
    clock: { nowMs: Date.parse('2026-01-01T00:00:00Z') },
    environment: { BILLING_TRIAL_PERIOD_DAYS: '0', ...options.environment },
  })
  const { stripe } = service
  const tenantId = 'tenant_a'
  const ask = async (method: string, path: string, body?: object) => {
    const reply = await service.request(method, path, body)
    expect(reply, `${path} ${reply.text}`).toMatchObject({ status: 200 })
    return reply.body.data ?? reply.body
  }
  const customer = { tenant_id: tenantId, email: 'a@example.com', name: 'A' }
  const customerId: string = (await ask('POST', '/billing/customers', customer)).customer_id
  const pays = async (card: string) => {
    const { id } = await stripe.paymentMethods.attach(card, { customer: customerId })
    await stripe.customers.update(customerId, { invoice_settings: { default_payment_method: id } })
    await settled(service)
  }
  await pays('pm_card_visa')

  return {
    ...{ service, stripe, tenantId, customerId, ask, pays },
    close: service.close,
    /** Plays all that happens until then. @param time such as 2026-02-01T01:00, UTC */
    to: (time: string) => service.sandbox.clock.advanceTo(Date.parse(`${time}Z`) / 1000),
    async subscribes(price_id = 'price_basic_monthly', more: object = {}): Promise<string> {
      const body = { tenant_id: tenantId, customer_id: customerId, price_id, ...more }
      const { subscription_id } = await ask('POST', '/billing/subscriptions', body)
      await settled(service)
      return subscription_id
    },
    /** @param verb such as cancel, of the tenant's subscription */
    async does(verb: string, body: object = {}): Promise<void> {
      const { subscription_id } = await ask('GET', `/billing/subscriptions/tenant/${tenantId}`)
      await ask('POST', `/billing/subscriptions/${subscription_id}/${verb}`, body)
      await settled(service)
      await carryOutDue(service)
    },
    /** @returns the record's id */
    async uses(usage_type: string, quantity: number, more: object = {}): Promise<string> {
      const body = { tenant_id: tenantId, usage_type, quantity, ...more }
      return (await ask('POST', '/billing/usage', body)).record_id
    },
    async price(recurring: Stripe.PriceCreateParams.Recurring, unit_amount: number, currency = 'usd') {
      return (await stripe.prices.create({ product: 'prod_basic', currency, recurring, unit_amount })).id
    },
    nextCents: async () => (await ask('GET', `/billing/status/tenant/${tenantId}`)).next_invoice_amount_cents,
    /** Every invoice as Stripe has it, in the order in which they were made: `2026-02-01T00:00 paid 17900: plan 4900, …`. */
    invoices: async () => {
      const { data } = await stripe.invoices.list({ customer: customerId, limit: 100 })
      return data.map(shown).reverse()
    },
    /** What is wrong: what the model of money sees in another way, tables that are no fold of the log, lines that are not once on their invoice. */
    async isRight(): Promise<void> {
      const { nowMs } = service.sandbox.clock
      const tolerant = async <T>(method: string, path: string) => {
        const { status, body } = await service.request(method, path)
        return status === 200 ? ((body.data ?? body) as T) : undefined
      }
      const { differences } = await judge({ ask: tolerant, db: service.context.db }, tenantId, {
        now: nowMs(),
        periods: [{ start: Date.parse('2026-01-01'), end: Date.parse('2028-01-01') }],
      })
      expect(differences.filter(({ number }) => ofMoney.test(number))).toEqual([])
      expect(await verifyTables(service.context.db)).toMatchObject({ ok: true })
      expect(await putTwice(service, customerId)).toEqual([])
    },
  }
}

/** What else the model has a number of is tested for itself. */
const ofMoney = /^(window|summary|status next)|^invoice \S+ (status|total|outstanding)/

const shown = ({ created, status, total, lines }: Stripe.Invoice) =>
  `${new Date(created * 1000).toISOString().slice(0, 16)} ${status} ${total}: ${lines.data.map(line).toSorted().join(', ')}`

/** Of ours, the type and the day on which its month begins. */
function line({ amount, description, pricing }: Stripe.InvoiceLineItem): string {
  if (pricing?.price_details?.product === usageProductId) return `First base ${amount}`
  const [, type, day] = /^(\w[\w ]+), (\d+ \w{3})/.exec(description ?? '') ?? []
  return `${type === undefined ? 'plan' : `${type} ${day}`} ${amount}`
}

/** The keys that more than one of Stripe's items of this customer has. */
async function putTwice({ stripe }: Service, customer: string): Promise<string[]> {
  const { data } = await stripe.invoiceItems.list({ customer, limit: 100 })
  const keys = data.map(({ metadata }) => metadata?.[keyInMetadata]).filter((key) => key !== undefined)
  return keys.filter((key, index) => keys.indexOf(key) !== index)
}
