import { expect, test } from 'vitest'
import { stripeGateway } from '../../src/stripe/gateway.ts'
import { customerWithCard, start } from '../stripe-sandbox/start.ts'

async function world() {
  const { stripe, box } = await start()
  const { call } = stripeGateway(stripe)
  const subscribe = async (key: string) => {
    const customer = await customerWithCard(stripe)
    const price_data = { product: 'stepledger_usage', currency: 'usd', unit_amount: 10_000 }
    const params = {
      customer: customer.id,
      items: [{ price: 'price_basic_monthly' }],
      add_invoice_items: [
        { price_data, quantity: 1, discountable: false, metadata: { stepledger_key: `${key}:base` } },
      ],
      discounts: [{ coupon: 'HALF' }],
    }
    const { observation } = await call('create_subscription', { params, key })
    const { data } = await stripe.invoices.list({ customer: customer.id })
    return { subscription: observation.objectId, invoices: data }
  }
  await stripe.coupons.create({ id: 'HALF', percent_off: 50, duration: 'once' })
  return { stripe, box, call, subscribe }
}

test('the product that the first platform base is sold as is made when it is needed, once', async () => {
  const { stripe, subscribe } = await world()
  const { invoices } = await subscribe('key_1')
  expect(await stripe.products.retrieve('stepledger_usage')).toMatchObject({ name: 'Usage', active: true })
  expect(invoices).toMatchObject([{ status: 'paid', total: 12_450, subtotal: 14_900 }])
  const [base] = invoices[0]?.lines.data ?? []
  expect(base).toMatchObject({
    amount: 10_000,
    discountable: false,
    discount_amounts: [],
    metadata: { stepledger_key: 'key_1:base' },
    parent: { type: 'invoice_item_details' },
  })
  expect((await subscribe('key_2')).invoices).toMatchObject([{ total: 12_450 }])
  const events = await stripe.events.list({ type: 'product.created' })
  expect(events.data).toHaveLength(1)
})

test('another process finds it there, and an outage while it is made leaves nothing undone', async () => {
  const { stripe, box, subscribe } = await world()
  box.faults.add({ method: 'POST', path: '/v1/products', kind: '500_after', count: 1 })
  await expect(subscribe('key_1')).rejects.toMatchObject({ kind: 'unknown' })
  expect((await subscribe('key_2')).invoices).toMatchObject([{ total: 12_450 }])
  expect((await stripe.products.list({ ids: ['stepledger_usage'] })).data).toHaveLength(1)
})

test('a subscription without a platform base makes no product', async () => {
  const { stripe, call } = await world()
  const customer = await customerWithCard(stripe)
  const params = { customer: customer.id, items: [{ price: 'price_basic_monthly' }] }
  await call('create_subscription', { params, key: 'key' })
  expect((await stripe.products.list({ ids: ['stepledger_usage'] })).data).toEqual([])
})
