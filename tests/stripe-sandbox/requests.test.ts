import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import type Stripe from 'stripe'
import { expect, onTestFinished, test } from 'vitest'
import { clientOf, customerWithCard, refusal, start } from './start.ts'

test('only test keys get in; a publishable key reaches no secret route', async () => {
  const { box } = await start()
  for (const key of ['', 'sk_live_123456789012', 'nonsense']) {
    const response = await fetch(`${box.url}/v1/customers`, {
      headers: key ? { Authorization: `Bearer ${key}` } : {},
    })
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({ error: { type: 'invalid_request_error' } })
  }
  const basic = await fetch(`${box.url}/v1/customers`, {
    headers: { Authorization: `Basic ${btoa('rk_test_1:')}` },
  })
  expect(basic.status).toBe(200)
  const error = await refusal(clientOf(box, 'pk_test_browser').customers.list())
  expect(error).toMatchObject({ statusCode: 403, code: 'secret_key_required' })
})

const statusAt = async (host: string, port: number) => {
  const headers = { Authorization: 'Bearer sk_test_1' }
  return (await fetch(`http://${host}:${port}/v1/account`, { headers })).status
}
const ownAddresses = () =>
  Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal),
  )

test('answers on the loopback addresses, and nobody else finds the port', async () => {
  const { box } = await start()
  for (const host of ['127.0.0.1', '127.0.0.2', '127.0.1.1', 'localhost'])
    expect(await statusAt(host, box.port), host).toBe(200)
  for (const { address } of ownAddresses())
    await expect(statusAt(address, box.port)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
})

test('a port that is taken on one loopback address is taken, and none is left open', async () => {
  const other = createServer().listen(0, '127.0.0.2')
  await once(other, 'listening')
  onTestFinished(() => void other.close())
  const { port } = other.address() as AddressInfo
  await expect(start({ port })).rejects.toMatchObject({ code: 'EADDRINUSE', port })
  await expect(statusAt('127.0.0.1', port)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
})

test('the network is answered where it is told to', async () => {
  const { box } = await start({ host: '0.0.0.0' })
  for (const { address } of ownAddresses()) expect(await statusAt(address, box.port)).toBe(200)
  expect(await statusAt('127.0.0.1', box.port)).toBe(200)
})

test('unknown routes, versions and parameters are refused in the shape of Stripe', async () => {
  const { box, stripe } = await start()
  expect(await refusal(stripe.rawRequest('GET', '/v1/nothing'))).toMatchObject({
    statusCode: 404,
    type: 'StripeInvalidRequestError',
  })
  const old = clientOf(box, 'sk_test_1', { apiVersion: '2020-08-27' as never })
  expect(await refusal(old.customers.list())).toMatchObject({ statusCode: 400 })
  const unknown = { items: [{ price: 'price_basic_monthly', color: 'red' }], customer: 'cus_1' }
  expect(await refusal(stripe.subscriptions.create(unknown as never))).toMatchObject({
    statusCode: 400,
    code: 'parameter_unknown',
    param: 'items[0][color]',
  })
  expect(await refusal(stripe.products.create({} as never))).toMatchObject({
    code: 'parameter_missing',
    param: 'name',
  })
  expect(await refusal(stripe.customers.list({ limit: 'many' as never }))).toMatchObject({
    code: 'parameter_invalid_integer',
    param: 'limit',
  })
  expect(await refusal(stripe.customers.retrieve('cus_none'))).toMatchObject({
    statusCode: 404,
    code: 'resource_missing',
  })
  expect(
    await refusal(
      stripe.subscriptions.create({ customer: 'cus_none', items: [{ price: 'price_basic_monthly' }] }),
    ),
  ).toMatchObject({ statusCode: 400, code: 'resource_missing', param: 'customer' })
})

test('parameters of earlier versions are taken from requests without a version alone', async () => {
  const { box, stripe } = await start()
  const body = new URLSearchParams({ 'payment_method_types[]': 'card' })
  const headers = { Authorization: 'Bearer sk_test_1' }
  const unversioned = await fetch(`${box.url}/v1/setup_intents`, { method: 'POST', headers, body })
  expect(unversioned.status).toBe(200)
  const error = await refusal(stripe.setupIntents.create({ payment_method_types: ['card'] } as never))
  expect(error.code).toBe('parameter_unknown')
})

test('lists come with positions, without, and as hashes, and __proto__ is nothing special', async () => {
  const { box } = await start()
  const headers = { Authorization: 'Bearer sk_test_1' }
  const post = async (path: string, body: string) => {
    const response = await fetch(`${box.url}${path}`, { method: 'POST', headers, body })
    return (await response.json()) as Record<string, unknown>
  }
  const images = ['http://a.example/', 'http://b.example/']
  for (const [first, second] of [
    ['images[]', 'images[]'],
    ['images[0]', 'images[1]'],
    ['images%5B%5D', 'images%5B%5D'],
  ])
    expect(await post('/v1/products', `name=x&${first}=${images[0]}&${second}=${images[1]}`)).toMatchObject({
      images,
    })
  const code =
    'percent_off=5&duration=once&metadata[0]=zero&metadata[a]=1&__proto__[x]=1&metadata[__proto__]=2'
  const coupon = await post('/v1/coupons', code)
  expect(coupon.metadata).toEqual({ '0': 'zero', a: '1' })
  expect(Object.hasOwn(Object.prototype, 'x')).toBe(false)
  const { id } = await post('/v1/customers', 'payment_method=pm_card_visa')
  const methods = await fetch(`${box.url}/v1/customers/${String(id)}/payment_methods`, { headers })
  const { data } = (await methods.json()) as { data: { id: string }[] }
  const grouped =
    'items[][price]=price_basic_monthly&items[][quantity]=2&items[][price]=price_enterprise_monthly&items[][quantity]=3'
  expect(
    await post('/v1/subscriptions', `customer=${id}&default_payment_method=${data[0]?.id}&${grouped}`),
  ).toMatchObject({
    items: {
      data: [
        { quantity: 2, price: { id: 'price_basic_monthly' } },
        { quantity: 3, price: { id: 'price_enterprise_monthly' } },
      ],
    },
  })
  const deep = await post('/v1/products', `name=x&metadata${'[a]'.repeat(2000)}=1`)
  expect(deep).toMatchObject({ error: { type: 'invalid_request_error' } })
})

test('a body over 1 MiB is refused', async () => {
  const { box } = await start()
  const ask = (length: number) =>
    fetch(`${box.url}/v1/products`, {
      method: 'POST',
      headers: { Authorization: 'Bearer sk_test_1' },
      body: `name=${'x'.repeat(length)}`,
    })
  expect((await ask(1024 * 1024)).status).toBe(413)
  expect((await ask(1024 * 1024 - 5)).status).toBe(200)
})

test('decimals stay the text that they were, to twelve places', async () => {
  const { box, stripe } = await start()
  const headers = { Authorization: 'Bearer sk_test_1' }
  const post = async (path: string, params: Record<string, string>) => {
    const body = new URLSearchParams({ currency: 'usd', ...params })
    return await (await fetch(`${box.url}${path}`, { method: 'POST', headers, body })).json()
  }
  for (const [text, whole] of [
    ['0.000000000001', null],
    ['0.50', null],
    ['250', 250],
  ] as const)
    expect(await post('/v1/prices', { product: 'prod_basic', unit_amount_decimal: text })).toMatchObject({
      unit_amount_decimal: text,
      unit_amount: whole,
    })
  const { id: customer } = await stripe.customers.create({})
  const item = { customer, quantity: '100000000', unit_amount_decimal: '0.0000001' }
  expect(await post('/v1/invoiceitems', item)).toMatchObject({
    amount: 10,
    quantity_decimal: '100000000',
    pricing: { unit_amount_decimal: '0.0000001' },
  })
})

test('an address always has its six keys', async () => {
  const { stripe } = await start()
  const none = { city: null, country: null, line1: null, line2: null, postal_code: null, state: null }
  const { id, address } = await stripe.customers.create({ address: { city: 'Bern' } })
  expect(address).toEqual({ ...none, city: 'Bern' })
  expect((await stripe.customers.update(id, { address: { line1: 'x' } })).address).toEqual({
    ...none,
    line1: 'x',
  })
})

test('a boolean is taken in any case', async () => {
  const { box } = await start()
  const headers = { Authorization: 'Bearer sk_test_1' }
  for (const [active, expected] of [
    ['True', true],
    ['FALSE', false],
  ] as const) {
    const body = new URLSearchParams({ name: 'x', active })
    const response = await fetch(`${box.url}/v1/products`, { method: 'POST', headers, body })
    expect(await response.json()).toMatchObject({ active: expected })
  }
})

test('metadata has 50 keys at most, of 40 characters, with values of 500', async () => {
  const { stripe } = await start()
  const keys = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, 'v']))
  const create = (metadata: Stripe.MetadataParam) => stripe.customers.create({ metadata })
  const { id } = await create(keys(50))
  for (const refused of [
    create(keys(51)),
    stripe.customers.update(id, { metadata: { more: 'v' } }),
    create({ ['k'.repeat(41)]: 'v' }),
    create({ k: 'v'.repeat(501) }),
  ])
    expect(await refusal(refused)).toMatchObject({ statusCode: 400, param: 'metadata' })
  expect((await create({ ['k'.repeat(40)]: 'v'.repeat(500) })).object).toBe('customer')
})

test('a currency is one of Stripe’s, and a customer’s only one', async () => {
  const { stripe } = await start()
  expect(
    await refusal(stripe.prices.create({ currency: 'xyz', product: 'prod_basic', unit_amount: 1 })),
  ).toMatchObject({ statusCode: 400, param: 'currency' })
  const { id } = await stripe.customers.create({})
  const charge = (currency: string) => stripe.invoiceItems.create({ customer: id, amount: 100, currency })
  await charge('EUR')
  expect(await refusal(charge('usd'))).toMatchObject({
    statusCode: 400,
    message: expect.stringContaining('combine currencies') as string,
  })
  expect((await stripe.customers.retrieve(id)) as Stripe.Customer).toMatchObject({ currency: 'eur' })
})

test('an endpoint is told of events that there are', async () => {
  const { stripe } = await start()
  const listen = (event: string) =>
    stripe.webhookEndpoints.create({ url: 'http://localhost:1/', enabled_events: [event as never] })
  expect(await refusal(listen('customer.invented'))).toMatchObject({ param: 'enabled_events[0]' })
  for (const event of ['*', 'invoice.paid']) expect((await listen(event)).enabled_events).toEqual([event])
})

test('lists of what it keeps none of are empty, whatever they are filtered by', async () => {
  const { stripe } = await start()
  const filter = { limit: 100, created: { gte: 1 } }
  for (const list of [
    stripe.reviews.list(filter),
    stripe.subscriptionSchedules.list({ limit: 100 }),
    stripe.checkout.sessions.list(filter),
    stripe.radar.earlyFraudWarnings.list(filter),
    stripe.taxIds.list({ limit: 100 }),
    stripe.payouts.list(filter),
  ])
    expect(await list).toMatchObject({ object: 'list', data: [], has_more: false })
  expect(await refusal(stripe.reviews.retrieve('prv_1'))).toMatchObject({
    statusCode: 404,
    code: 'resource_missing',
  })
})

test('a recurring price is a plan too, for programs that read plans', async () => {
  const { stripe } = await start()
  const product = await stripe.products.create({ name: 'Setup' })
  const once = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 100 })
  const { data } = await stripe.plans.list({ limit: 100 })
  expect(data.map(({ id }) => id)).toContain('price_basic_yearly')
  expect(data.map(({ id }) => id)).not.toContain(once.id)
  expect(await stripe.plans.retrieve('price_basic_yearly')).toMatchObject({
    amount: 49_000,
    interval: 'year',
  })
  expect(await refusal(stripe.plans.retrieve(once.id))).toMatchObject({ code: 'resource_missing' })
})

test('there is no Search, and it says so', async () => {
  const { stripe } = await start()
  const error = await refusal(stripe.customers.search({ query: "email:'a@example.com'" }))
  expect(error).toMatchObject({ statusCode: 404, message: expect.stringContaining('no Search') as string })
})

test('any version of the release it plays is taken, no other', async () => {
  const { box } = await start()
  const ask = (version: string) =>
    fetch(`${box.url}/v1/customers`, {
      headers: { Authorization: 'Bearer sk_test_1', 'Stripe-Version': version },
    })
  expect((await ask('2026-09-30.endive')).status).toBe(200)
  for (const version of ['2026-03-25.dahlia', '2020-08-27', 'endive', '2026-10-28.endive; a=b'])
    expect((await ask(version)).status, version).toBe(400)
})

test('lists page by cursor in both directions, and filter by time and e-mail', async () => {
  const { stripe, clock } = await start()
  const made: string[] = []
  for (let at = 0; at < 5; at++) {
    clock.nowMs += 1000
    made.unshift((await stripe.customers.create({ email: `c${at % 2}@example.com` })).id)
  }
  const first = await stripe.customers.list({ limit: 2 })
  expect(first.data.map(({ id }) => id)).toEqual(made.slice(0, 2))
  expect(first.has_more).toBe(true)
  const back = await stripe.customers.list({ limit: 2, ending_before: made[4] as string })
  expect(back.data.map(({ id }) => id)).toEqual(made.slice(2, 4))
  const all: string[] = []
  for await (const { id } of stripe.customers.list({ limit: 2 })) all.push(id)
  expect(all).toEqual(made)
  const now = Math.floor(clock.nowMs / 1000)
  expect((await stripe.customers.list({ created: { gte: now - 1 } })).data).toHaveLength(2)
  expect((await stripe.customers.list({ email: 'c0@example.com' })).data).toHaveLength(3)
  expect(await refusal(stripe.customers.list({ starting_after: 'cus_none' }))).toMatchObject({
    code: 'resource_missing',
  })
})

test('expand replaces ids, also inside lists and below what is expanded', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe)
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
    discounts: [{ promotion_code: 'promo_launch50' }],
    expand: ['latest_invoice.payments', 'latest_invoice.discounts.source.coupon', 'customer'],
  })
  const invoice = subscription.latest_invoice
  if (typeof invoice !== 'object' || invoice === null) throw new Error('not expanded')
  expect(invoice.payments?.data[0]).toMatchObject({ object: 'invoice_payment', status: 'paid' })
  const deep = await stripe.invoices.retrieve(invoice.id, {
    expand: ['payments.data.payment.payment_intent'],
  })
  expect(deep.payments?.data[0]?.payment.payment_intent).toMatchObject({
    object: 'payment_intent',
    amount: 2450,
  })
  expect(invoice.discounts[0]).toMatchObject({ source: { coupon: { id: 'LAUNCH50', percent_off: 50 } } })
  expect(subscription.customer).toMatchObject({ email: 'ada@example.com' })
  const page = await stripe.subscriptions.list({ expand: ['data.latest_invoice'] })
  expect(page.data[0]?.latest_invoice).toMatchObject({ object: 'invoice' })
  const plain = await stripe.invoices.retrieve(invoice.id)
  expect(plain.payments).toBeUndefined()
  expect(plain.confirmation_secret).toBeUndefined()
  expect(await refusal(stripe.customers.retrieve(customer.id, { expand: ['email'] }))).toMatchObject({
    statusCode: 400,
  })
})

test('a customer lives: created, changed, deleted', async () => {
  const { stripe } = await start()
  const { id } = await stripe.customers.create({
    email: 'a@example.com',
    metadata: { tenant: 'T', gone: 'x' },
  })
  const updated = await stripe.customers.update(id, { name: 'Ada', metadata: { gone: '', more: 'y' } })
  expect(updated).toMatchObject({ name: 'Ada', email: 'a@example.com', metadata: { tenant: 'T', more: 'y' } })
  expect(updated.metadata).not.toHaveProperty('gone')
  const { data } = await stripe.events.list({ type: 'customer.updated' })
  expect(data[0]?.data).toMatchObject({
    previous_attributes: { name: null, metadata: { gone: 'x', more: null } },
  })
  expect(await stripe.customers.del(id)).toEqual({ id, object: 'customer', deleted: true })
  expect(await stripe.customers.retrieve(id)).toMatchObject({ deleted: true })
  expect((await stripe.customers.list()).data).toEqual([])
})

test('the plans are there under fixed ids, and nothing was told of them', async () => {
  const { stripe } = await start()
  const { data } = await stripe.prices.list({ active: true, limit: 100, expand: ['data.product'] })
  const amounts = Object.fromEntries(data.map((price) => [price.id, price.unit_amount]))
  expect(amounts).toEqual({
    price_basic_monthly: 4900,
    price_basic_yearly: 49000,
    price_professional_monthly: 9900,
    price_professional_yearly: 99000,
    price_enterprise_monthly: 29900,
    price_enterprise_yearly: 299000,
  })
  expect(data[0]?.product).toMatchObject({ metadata: { plan_id: expect.any(String) as string } })
  expect((await stripe.promotionCodes.list({ code: 'launch50' })).data).toHaveLength(1)
  expect((await stripe.events.list()).data).toEqual([])
})

test('products and prices are made, changed, listed', async () => {
  const { stripe } = await start()
  const product = await stripe.products.create({
    name: 'Addon',
    default_price_data: { currency: 'usd', unit_amount: 500, recurring: { interval: 'month' } },
  })
  const price = await stripe.prices.retrieve(product.default_price as string, { expand: ['product'] })
  expect(price).toMatchObject({ unit_amount: 500, product: { name: 'Addon' } })
  expect((await stripe.prices.update(price.id, { active: false })).active).toBe(false)
  expect((await stripe.prices.list({ product: product.id, active: true })).data).toEqual([])
})

test('pages on this machine may call, pages from elsewhere may not', async () => {
  const { box } = await start()
  const ask = (origin: string) =>
    fetch(`${box.url}/v1/payment_methods`, { method: 'OPTIONS', headers: { Origin: origin } })
  const own = await ask('http://localhost:8080')
  expect(own.status).toBe(204)
  expect(own.headers.get('access-control-allow-origin')).toBe('http://localhost:8080')
  expect((await ask('https://evil.example')).status).toBe(403)
})

test('yes and no are taken as Python writes them', async () => {
  const { box } = await start()
  const headers = { Authorization: 'Bearer sk_test_python' }
  const body = new URLSearchParams({
    'automatic_payment_methods[enabled]': 'True',
    confirm: 'False',
  })
  const response = await fetch(`${box.url}/v1/setup_intents`, { method: 'POST', headers, body })
  expect(await response.json()).toMatchObject({
    automatic_payment_methods: { enabled: true },
    status: 'requires_payment_method',
  })
})
