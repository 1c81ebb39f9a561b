import { expect } from 'vitest'
import type { JsonObject } from '../../src/log/take-apart.ts'
import { replanted } from './canaries.ts'
import { person } from './canary-story.ts'
import type { CanaryWorld } from './canary-world.ts'

/** What the sandbox makes, and some of what it does not. */
export const stripeTypes = [
  ...['Customer', 'Subscription', 'Invoice', 'PaymentMethod', 'SetupIntent', 'PaymentIntent', 'Charge'],
  ...['Coupon', 'PromotionCode', 'Product', 'Price', 'InvoiceItem', 'WebhookEndpoint'],
  ...['Dispute', 'Refund', 'CreditNote', 'TaxId', 'Quote', 'Account', 'Card', 'BankAccount', 'Review'],
]
const mirrored = [
  ...['customer', 'subscription', 'invoice', 'payment_method', 'setup_intent', 'credit_note', 'invoiceitem'],
]
const catalogue = ['coupon', 'promotion_code', 'product', 'price']
const prefixes: Record<string, string> = {
  invoice: 'in',
  payment_method: 'pm',
  setup_intent: 'seti',
  credit_note: 'cn',
}

/** Each of Stripe's objects, as webhooks that are applied, parked and released, ignored, quarantined and refetched. */
export async function hear(w: CanaryWorld, walked: Walked): Promise<void> {
  const { canary } = w
  const tenant_id = 'tenant_heard'
  const { customer_id } = await w.twice('/billing/customers', {
    tenant_id,
    ...person(canary, 'who is heard of'),
  })
  await w.look()
  const started = await w.twice('/onboarding/start', person(canary, 'who waits for Stripe'))
  w.sessions.push(started.session_id)
  const stranger = 'cus_ofNobodyYet1'
  const plant = planter(w, walked)
  for (const name of stripeTypes) {
    await w.deliver(`${kindOf(walked, name)}.updated`, plant(name, 'of nobody', {}))
    if (catalogue.includes(kindOf(walked, name)))
      await w.deliver(`${kindOf(walked, name)}.updated`, plant(name, 'applied', {}))
    else
      await w.deliver(
        `${kindOf(walked, name)}.updated`,
        plant(name, 'parked', ofCustomer(walked, name, stranger)),
      )
  }
  await hearOf(w, walked, customer_id)
  await w.look()
  await w.deliver('invoice.updated', plant('Invoice', 'parked for ever', { customer: 'cus_ofNobodyEver' }))
  await w.deliver('something.new', {
    id: canary.text('an unknown id'),
    object: canary.text('an unknown object'),
    customer: canary.text('a customer that is no id'),
    name: canary.text('an unknown name'),
  })
  await w.settled()
  await w.deliver(
    'customer.created',
    plant('Customer', 'whom others wait for', { id: stranger, metadata: { tenant_id: started.tenant_id } }),
  )
  await w.settled()
  const dispositions = ['applied', 'ignored', 'parked', 'quarantined', 'refetched', 'released']
  expect((await w.dispositions()).sort()).toEqual(dispositions)
}

/** Everything that Stripe may say of one customer, by each of its objects but what is sold. */
export async function hearOf(
  w: CanaryWorld,
  walked: Walked,
  customerId: string,
  when = 'then',
): Promise<void> {
  const { canary, proxy } = w
  const plant = planter(w, walked)
  for (const name of stripeTypes) {
    const kind = kindOf(walked, name)
    if (catalogue.includes(kind)) continue
    const type = `${kind}.updated`
    const own = ofCustomer(walked, name, customerId)
    await w.deliver(type, plant(name, `applied ${when}`, own), {
      data: {
        object: plant(name, `applied ${when}`, own),
        previous_attributes: plant(name, `before ${when}`, own),
      },
    })
    await w.deliver(
      type,
      plant(name, `of another tenant ${when}`, { ...own, metadata: { tenant_id: 'tenant_other' } }),
    )
    await w.deliver(type, plant(name, `live ${when}`, own), { livemode: true })
    const old = plant(name, `of another version ${when}`, own)
    const answer = plant(name, `answered ${when}`, { ...own, id: old.id })
    if (mirrored.includes(kind)) proxy.answer('GET', `/v1/${kind}s/${old.id}`, 200, answer)
    await w.deliver(type, old, { api_version: '2020-08-27' })
    await w.deliver(type, {
      ...plant(name, `faulty ${when}`, own),
      id: { text: canary.text(`${name}, the id of a faulty one ${when}`) },
    })
  }
}

/** So that every tenant can be erased: what is live is cancelled, and what only Stripe has made up is over. */
export async function endEverything(
  w: CanaryWorld,
  walked: Walked,
): Promise<{ tenant_id: string; customer_id: string | null }[]> {
  const plant = planter(w, walked)
  const over = ['canceled', 'incomplete_expired']
  const subscriptions = await w.reader
    .selectFrom('billing_subscriptions')
    .selectAll()
    .where('status', 'not in', over)
    .execute()
  for (const { subscription_id: id, customer_id: customer } of subscriptions)
    if (id.includes('heard')) {
      const canceled = plant('Subscription', 'its end', { id, customer, status: 'canceled' })
      await w.deliver('customer.subscription.deleted', canceled, { created: soon() })
    } else await w.twice(`/billing/subscriptions/${id}/cancel`, { at_period_end: false })
  const invoices = await w.reader
    .selectFrom('billing_invoices')
    .selectAll()
    .where('status', 'in', ['draft', 'open'])
    .execute()
  for (const { invoice_id: id, customer_id: customer } of invoices.filter((each) =>
    each.invoice_id.includes('heard'),
  )) {
    const voided = plant('Invoice', 'its end', { id, customer, status: 'void' })
    await w.deliver('invoice.voided', voided, { created: soon() })
  }
  await w.settled()
  const { data } = (await w.send('GET', '/admin/tenants?limit=100')).body
  const customers = await w.reader.selectFrom('billing_customers').selectAll().execute()
  return data.items.map(({ tenant_id }: { tenant_id: string }) => ({
    tenant_id,
    customer_id: customers.find((each) => each.tenant_id === tenant_id)?.customer_id ?? null,
  }))
}

/** Later than whatever was said before, and within what a clock may be off. */
const soon = () => Math.floor(Date.now() / 1000) + 5

/** Everything that Stripe may say of a customer whom nobody knows, and that says whose it is. */
export async function hearNaming(w: CanaryWorld, walked: Walked, tenant_id: string): Promise<void> {
  const { canary } = w
  const plant = planter(w, walked)
  for (const name of stripeTypes) {
    const kind = kindOf(walked, name)
    if (catalogue.includes(kind)) continue
    const own = { ...ofCustomer(walked, name, 'cus_ofNobodyLater'), metadata: { tenant_id } }
    await w.deliver(`${kind}.updated`, plant(name, 'naming it', own), { livemode: kind === 'customer' })
    await w.deliver(`${kind}.updated`, {
      ...plant(name, 'faulty, naming it', own),
      id: { text: canary.text(`${name}, the id of a faulty one, naming it`) },
    })
  }
}

type Walked = Record<string, JsonObject>

const kindOf = (walked: Walked, name: string) => String(walked[name]?.object)

const ofCustomer = (walked: Walked, name: string, id: string) =>
  kindOf(walked, name) === 'customer' ? { id } : { customer: id }

let serial = 0

/** Makes objects of Stripe's with a canary in each string, and an id that nobody has. */
const planter =
  ({ canary }: CanaryWorld, walked: Walked) =>
  (name: string, how: string, own: object): JsonObject => {
    const object = replanted(walked[name] as JsonObject, `${name}, ${how}`, canary)
    serial += 1
    const prefix = prefixes[String(object.object)] ?? 'obj'
    const changed = {
      id: `${prefix}_heard${serial}`,
      ...('created' in object && { created: Math.floor(Date.now() / 1000) - 100 + (serial % 50) }),
      ...('currency' in object && { currency: 'usd' }),
      ...own,
    }
    return {
      ...object,
      ...changed,
      metadata: { ...(object.metadata as object), ...('metadata' in own ? (own.metadata as object) : {}) },
    }
  }
