import { expect, test } from 'vitest'
import { customerWithCard, eventTypes, refusal, start } from './start.ts'

test('a session of the customer portal has a page, which says whose it is and leads back', async () => {
  const { stripe } = await start()
  const customer = await customerWithCard(stripe)
  await stripe.customers.update(customer.id, { name: '<b>Ada</b>' })
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_basic_monthly' }],
  })
  const session = await stripe.billingPortal.sessions.create({
    customer: customer.id,
    return_url: 'https://example.com/account',
  })
  expect(session).toMatchObject({ customer: customer.id, return_url: 'https://example.com/account' })
  const page = await fetch(session.url)
  expect(page.headers.get('content-type')).toContain('text/html')
  const html = await page.text()
  expect(html).toContain('&#60;b&#62;Ada')
  expect(html).toContain(`${id}: active`)
  expect(html).toContain('href="https://example.com/account"')
  expect(await eventTypes(stripe)).toContain('billing_portal.session.created')
  expect((await stripe.billingPortal.configurations.list()).data).toEqual([])
})

test('nobody else has a portal, and no other page is one', async () => {
  const { box, stripe } = await start()
  const refused = await refusal(stripe.billingPortal.sessions.create({ customer: 'cus_nobody' }))
  expect(refused).toMatchObject({ statusCode: 400, param: 'customer' })
  expect((await fetch(`${box.url}/_sandbox/portal/bps_nobody`)).status).toBe(404)
})
