import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { NewFact } from '../../src/log/facts.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { at, epoch, observed, recordAll, stripeEvent } from '../support/facts.ts'
import { projectedRows } from '../support/rows.ts'
import { invoice } from '../support/stripe-objects.ts'

describe.each(eachDatabase)('invoices on $name', ({ create }) => {
  let db: TestDatabase
  beforeEach(async () => {
    db = await create()
  })
  afterEach(() => db.close())

  const given = (...facts: NewFact[]) => recordAll(db, facts)
  const rowOf = async (table: string) => (await projectedRows(db.reader))[table]?.[0]

  test('draft, open and paid of one second end as paid in any order', async () => {
    const events = [
      stripeEvent('invoice.created', 'invoice', invoice('draft'), 5),
      stripeEvent('invoice.finalized', 'invoice', invoice('open'), 5),
      stripeEvent('invoice.paid', 'invoice', invoice('paid'), 5),
    ]
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]
    for (const [index, order] of orders.entries()) {
      const facts = order.flatMap((which) => events[which] ?? [])
      await given(...facts.map((fact) => ({ ...fact, fact_id: `${fact.fact_id}-${index}` })))
      expect(await rowOf('billing_invoices')).toMatchObject({ status: 'paid', amount_paid_cents: 5000 })
    }
  })

  test('payment of an invoice is failing from its first failure until it is settled', async () => {
    const failed = { attempted: true, attempt_count: 1 }
    await given(
      stripeEvent('invoice.payment_failed', 'invoice', invoice('open', { ...failed, attempt_count: 2 }), 20),
      stripeEvent('invoice.payment_failed', 'invoice', invoice('open', failed), 10),
    )
    expect(await rowOf('billing_invoices')).toMatchObject({ payment_failed_at: at(10), attempt_count: 2 })
    await given(stripeEvent('invoice.marked_uncollectible', 'invoice', invoice('uncollectible'), 30))
    expect(await rowOf('billing_invoices')).toMatchObject({
      payment_failed_at: at(10),
      status: 'uncollectible',
    })
    await given(stripeEvent('invoice.paid', 'invoice', invoice('paid'), 40))
    expect(await rowOf('billing_invoices')).toMatchObject({ payment_failed_at: null, status: 'paid' })
  })

  test('a deleted draft is neither a draft nor owed', async () => {
    await given(
      stripeEvent('invoice.deleted', 'invoice', invoice('draft'), 9),
      stripeEvent('invoice.created', 'invoice', invoice('draft'), 1),
    )
    expect(await rowOf('billing_invoices')).toMatchObject({ status: 'deleted' })
  })

  test('shows the key that it was made under, what was credited, and what the balance of the customer has paid of it', async () => {
    const final = {
      metadata: { stepledger_key: 'key_1' },
      pre_payment_credit_notes_amount: 300,
      post_payment_credit_notes_amount: 20,
      starting_balance: -900,
      ending_balance: -100,
    }
    await given(observed('invoice', invoice('open', final), 1))
    const shown = { made_under: 'key_1', made_at: at(0), credited_cents: 320 }
    expect(await rowOf('billing_invoices')).toMatchObject({ ...shown, balance_cents: 800 })
    await given(observed('invoice', invoice('void', final), 2))
    expect(await rowOf('billing_invoices')).toMatchObject({ ...shown, balance_cents: 0 })
  })

  test('the balance has paid nothing of a draft, and is given what an invoice is below zero', async () => {
    await given(
      observed('invoice', invoice('draft', { starting_balance: -900, ending_balance: null }), 1),
      observed('invoice', invoice('paid', { id: 'in_2', starting_balance: 0, ending_balance: -250 }), 1),
    )
    const rows = (await projectedRows(db.reader)).billing_invoices
    expect(rows).toMatchObject([{ balance_cents: 0 }, { balance_cents: -250 }])
  })

  test('the boundary of a renewal is where the period of its plan begins, once it was seen', async () => {
    const line = (proration: boolean, start: number) => ({
      parent: {
        type: 'subscription_item_details',
        subscription_item_details: { subscription_item: 'si_1', proration },
      },
      period: { start: epoch + start, end: epoch + 9_000 },
    })
    const used = { parent: { type: 'invoice_item_details' }, period: { start: epoch, end: epoch } }
    const lines = { data: [used, line(true, 500), line(false, 1_000)] }
    const renewal = { billing_reason: 'subscription_cycle' }
    await given(
      observed('invoice', invoice('draft', { ...renewal, lines }), 1),
      observed('invoice', invoice('open', { ...renewal, lines: { data: [used] } }), 2),
      observed('invoice', invoice('open', { id: 'in_2', billing_reason: 'subscription_update', lines }), 1),
    )
    const rows = (await projectedRows(db.reader)).billing_invoices
    expect(rows).toMatchObject([{ boundary_at: at(1_000) }, { boundary_at: null }])
  })
})
