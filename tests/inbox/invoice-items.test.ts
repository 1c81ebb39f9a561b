import { expect, test } from 'vitest'
import { verifyTables } from '../../src/projections/replay.ts'
import { startService } from '../support/service.ts'
import { settled, wizard } from '../support/wizard.ts'

test('what waits at Stripe for the next invoice is known, until an invoice takes it or it is deleted', async ({
  onTestFinished,
}) => {
  const service = await startService({ webhooks: true })
  onTestFinished(() => service.close())
  const { stripe, context } = service
  const tenant = wizard(service)
  await tenant.to('createCustomer')
  const customer = tenant.of.customerId
  const items = async () => {
    await settled(service)
    const query = context.db.reader.selectFrom('billing_invoice_items').orderBy('amount_cents')
    return query.select(['amount_cents', 'invoice_id', 'is_deleted']).execute()
  }
  const [first] = await Promise.all(
    [100, 200].map((amount) => stripe.invoiceItems.create({ customer, amount, currency: 'usd' })),
  )
  expect(await items()).toEqual([
    { amount_cents: 100, invoice_id: null, is_deleted: 0 },
    { amount_cents: 200, invoice_id: null, is_deleted: 0 },
  ])
  await stripe.invoiceItems.del(first?.id ?? '')
  const { id } = await stripe.invoices.create({ customer, pending_invoice_items_behavior: 'include' })
  expect(await items()).toEqual([
    { amount_cents: 100, invoice_id: null, is_deleted: 1 },
    { amount_cents: 200, invoice_id: id, is_deleted: 0 },
  ])
  expect((await verifyTables(context.db)).drift).toEqual([])
})
