import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Service, startService } from '../support/service.ts'

let service: Service
let customerId: string
beforeAll(async () => {
  service = await startService({ webhooks: true })
  const body = { tenant_id: 'tenant_a', email: 'a@example.com', name: 'A' }
  customerId = (await service.request('POST', '/billing/customers', body)).body.data.customer_id
})
afterAll(() => service.close())

const list = (what: string, query: string) =>
  service.request('GET', `/billing/${what}/tenant/tenant_a?${query}`)

async function pages(what: string, limit: number) {
  const items = []
  let cursor = ''
  for (;;) {
    const { status, body } = await list(what, `limit=${limit}${cursor && `&cursor=${cursor}`}`)
    expect(status).toBe(200)
    expect(body.data.items.length).toBeLessThanOrEqual(limit)
    items.push(...body.data.items)
    if (body.data.next_cursor === null) return items
    cursor = body.data.next_cursor
  }
}

test('payment methods come by webhook, and a detached one is left out', async () => {
  const cards: { id: string }[] = []
  for (const card of ['pm_card_visa', 'pm_card_mastercard', 'pm_card_amex'])
    cards.push(await service.stripe.paymentMethods.attach(card, { customer: customerId }))
  await service.stripe.customers.update(customerId, {
    invoice_settings: { default_payment_method: cards[1]?.id ?? '' },
  })
  await vi.waitFor(async () => {
    await service.sandbox.deliverDue()
    const items = await pages('payment-methods', 2)
    expect(items).toHaveLength(3)
    expect(items.find(({ is_default }) => is_default)).toMatchObject({ brand: 'mastercard', type: 'card' })
  })
  await service.stripe.paymentMethods.detach(cards[0]?.id ?? '')
  await vi.waitFor(async () => {
    await service.sandbox.deliverDue()
    const ids = (await pages('payment-methods', 1)).map(({ payment_method_id }) => payment_method_id)
    expect(ids.toSorted()).toEqual([cards[1]?.id, cards[2]?.id].toSorted())
  })
})

test('invoices are listed newest first, each once', async () => {
  for (const amount of [100, 200, 300]) {
    await service.stripe.invoiceItems.create({ customer: customerId, amount, currency: 'usd' })
    const draft = await service.stripe.invoices.create({
      customer: customerId,
      pending_invoice_items_behavior: 'include',
    })
    if (draft.id !== undefined) await service.stripe.invoices.finalizeInvoice(draft.id)
  }
  await vi.waitFor(async () => {
    await service.sandbox.deliverDue()
    const items = await pages('invoices', 2)
    expect(items.map(({ total_cents }) => total_cents).toSorted()).toEqual([100, 200, 300])
    const order = items.map(({ created_at, invoice_id }) => `${created_at} ${invoice_id}`)
    expect(order).toEqual(order.toSorted().toReversed())
  })
})

test.each(['limit=0', 'limit=101', 'limit=x', 'cursor=nonsense'])('a page with %s is 422', async (query) => {
  for (const what of ['invoices', 'payment-methods']) {
    const { status, body } = await list(what, query)
    expect(status).toBe(422)
    expect(body.error.details.fields[0].path).toBe(query.split('=')[0])
  }
})
