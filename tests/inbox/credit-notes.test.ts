import { expect, test } from 'vitest'
import { verifyTables } from '../../src/projections/replay.ts'
import { startService } from '../support/service.ts'
import { settled, wizard } from '../support/wizard.ts'

test('what is credited at Stripe stands on its invoice, before its payment and after', async ({
  onTestFinished,
}) => {
  const service = await startService({ webhooks: true })
  onTestFinished(() => service.close())
  const { stripe, context } = service
  const tenant = wizard(service)
  await tenant.to('createCustomer')
  const customer = tenant.of.customerId
  const { id } = await stripe.invoices.create({ customer, currency: 'usd' })
  await stripe.invoiceItems.create({ customer, invoice: id, amount: 5_000, currency: 'usd' })
  await stripe.invoices.finalizeInvoice(id)
  const credited = async () => {
    await settled(service)
    const query = context.db.reader.selectFrom('billing_invoices').where('invoice_id', '=', id)
    return query.select(['credited_cents', 'amount_remaining_cents']).executeTakeFirst()
  }
  await stripe.creditNotes.create({ invoice: id, amount: 1_000 })
  expect(await credited()).toEqual({ credited_cents: 1_000, amount_remaining_cents: 4_000 })
  await stripe.invoices.pay(id, { paid_out_of_band: true })
  await stripe.creditNotes.create({ invoice: id, amount: 500, credit_amount: 500 })
  expect(await credited()).toEqual({ credited_cents: 1_500, amount_remaining_cents: 0 })
  expect((await verifyTables(context.db)).drift).toEqual([])
})
