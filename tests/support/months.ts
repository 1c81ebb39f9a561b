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
    invoices: () => invoicesOf(stripe, customerId),
    addsUp: () => addUp(service, customerId),
    /** It adds up, and the model of money says the same. */
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
      await addUp(service, customerId)
    },
  }
}

/** What else the model has a number of is tested for itself. */
const ofMoney = /^(window|summary|status next)|^invoice \S+ (status|total|outstanding)/

/** The tables are a fold of the log, no line is on two items of Stripe's, and of each month what was charged is what is due. */
export async function addUp(
  { context: { db }, stripe }: Pick<Service, 'context' | 'stripe'>,
  customer: string,
): Promise<void> {
  expect(await verifyTables(db)).toMatchObject({ ok: true })
  const items = await stripe.invoiceItems.list({ customer, limit: 100 })
  const keys = items.data.map(({ metadata }) => metadata?.[keyInMetadata]).filter((key) => key !== undefined)
  expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([])
  const lines = await db.reader.selectFrom('billing_usage_lines').selectAll().execute()
  const dues = await db.reader
    .selectFrom('billing_window_dues as d')
    .innerJoin('billing_windows as w', 'w.window_id', 'd.window_id')
    .select(['d.window_id', 'd.usage_type', 'd.due_cents'])
    .where('w.billed_at', 'is not', null)
    .where('d.state', '=', 'priced')
    .execute()
  for (const { window_id, usage_type, due_cents } of dues) {
    const own = lines.filter((line) => line.window_id === window_id && line.usage_type === usage_type)
    const charged = own.reduce((sum, { charged_cents }) => sum + charged_cents, 0)
    expect(charged, `${window_id} ${usage_type}`).toBe(Number(due_cents))
  }
}

/** Every invoice as Stripe has it, in the order in which they were made: `2026-02-01T00:00 paid 17900: plan 4900, …`. */
export async function invoicesOf(stripe: Stripe, customer: string): Promise<string[]> {
  const { data } = await stripe.invoices.list({ customer, limit: 100 })
  return data.map(shown).reverse()
}

const shown = ({ created, status, total, lines }: Stripe.Invoice) =>
  `${new Date(created * 1000).toISOString().slice(0, 16)} ${status} ${total}: ${lines.data.map(line).toSorted().join(', ')}`

/** Of ours, the type and the day on which its month begins. */
function line({ amount, description, pricing }: Stripe.InvoiceLineItem): string {
  if (pricing?.price_details?.product === usageProductId) return `First base ${amount}`
  const [, type, day] = /^(\w[\w ]+), (\d+ \w{3})/.exec(description ?? '') ?? []
  return `${type === undefined ? 'plan' : `${type} ${day}`} ${amount}`
}
