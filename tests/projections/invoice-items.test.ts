import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { NewFact } from '../../src/log/facts.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { epoch, observed, recordAll, stripeEvent } from '../support/facts.ts'
import { projectedRows } from '../support/rows.ts'
import { invoice } from '../support/stripe-objects.ts'

const item = (change: object = {}) => ({
  ...{ id: 'ii_1', date: epoch, customer: 'cus_1', invoice: null, amount: 700, currency: 'usd' },
  ...{ proration: false, metadata: { stepledger_key: 'line_1' }, description: 'Cases: 7' },
  ...change,
})
const withLine = (amount: number, details: object = {}) => {
  const invoice_item_details = { invoice_item: 'ii_1', proration: false, ...details }
  const parent = { type: 'invoice_item_details', invoice_item_details }
  const line = { amount, currency: 'usd', parent, metadata: { stepledger_key: 'line_1' } }
  return { lines: { data: [{ amount: 1, parent: { type: 'subscription_item_details' } }, line] } }
}

describe.each(eachDatabase)('invoice items on $name', ({ create }) => {
  let db: TestDatabase
  beforeEach(async () => {
    db = await create()
  })
  afterEach(() => db.close())

  const given = (...facts: NewFact[]) => recordAll(db, facts)
  const rows = async () => (await projectedRows(db.reader)).billing_invoice_items

  test('an item is pending until an invoice shows it, whichever was seen first', async () => {
    const made = stripeEvent('invoiceitem.created', 'invoiceitem', item(), 1)
    await given(made)
    const shown = { item_id: 'ii_1', customer_id: 'cus_1', amount_cents: 700, made_under: 'line_1' }
    expect(await rows()).toMatchObject([{ ...shown, invoice_id: null, is_proration: 0, is_deleted: 0 }])
    await given(stripeEvent('invoice.created', 'invoice', invoice('draft', withLine(700)), 5))
    expect(await rows()).toMatchObject([{ ...shown, invoice_id: 'in_1' }])
    await given(observed('invoiceitem', item(), 6))
    expect(await rows()).toMatchObject([{ ...shown, invoice_id: 'in_1' }])
  })

  test('a change of an item, of which no event tells, is seen on the lines of its invoice', async () => {
    await given(
      observed('invoiceitem', item({ invoice: 'in_1' }), 1),
      stripeEvent('invoice.updated', 'invoice', invoice('draft', withLine(500)), 5),
      stripeEvent('invoice.updated', 'invoice', invoice('draft', withLine(600)), 4),
    )
    expect(await rows()).toMatchObject([{ amount_cents: 500 }])
  })

  test('an item that is deleted stays so, by its event and by the stub that Stripe answers', async () => {
    await given(
      observed('invoiceitem', { id: 'ii_1', deleted: true }, 9, { isDeleted: true }),
      stripeEvent('invoice.created', 'invoice', invoice('draft', withLine(700)), 5),
      stripeEvent('invoiceitem.deleted', 'invoiceitem', item({ id: 'ii_2' }), 3),
      observed('invoiceitem', item({ id: 'ii_2' }), 4),
    )
    expect(await rows()).toMatchObject([
      { item_id: 'ii_1', is_deleted: 1, amount_cents: 700, invoice_id: 'in_1' },
      { item_id: 'ii_2', is_deleted: 1, amount_cents: 700, invoice_id: null },
    ])
  })

  test('a proration is of its subscription, and is never ours, whatever metadata its line bears', async () => {
    const parent = { subscription_details: { subscription: 'sub_1' } }
    await given(observed('invoiceitem', item({ proration: true, amount: -300, parent }), 1))
    const proration = { subscription_id: 'sub_1', amount_cents: -300, is_proration: 1, made_under: null }
    expect(await rows()).toMatchObject([proration])
    const lines = withLine(-300, { proration: true, subscription: 'sub_1' })
    await given(observed('invoice', invoice('draft', lines), 2))
    expect(await rows()).toMatchObject([{ ...proration, invoice_id: 'in_1' }])
  })
})
