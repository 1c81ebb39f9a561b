import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Access } from '../../machines/subscription.ts'
import { accessOfTenant } from '../../src/charges/access.ts'
import type { NewFact } from '../../src/log/facts.ts'
import { createSqlite } from '../support/databases.ts'
import { at, newFact, observed, recordAll, stripeEvent, tenant } from '../support/facts.ts'

const height: Record<Access, number> = { none: 0, suspended: 1, grace: 2, full: 3 }
const rules = { now: at(100), accessRules: { graceDays: 14, suspendOnLostDispute: true } }

const subscription = (status: string, seconds: number) =>
  observed(
    'subscription',
    { id: 'sub_1', customer: 'cus_1', created: 0, status, items: { data: [] } },
    seconds,
  )
const invoice = { customer: 'cus_1', created: 0, currency: 'usd', total: 900, amount_remaining: 900 }
const failing = { ...invoice, status: 'open', attempted: true, attempt_count: 1 }
const failed = (id: string, seconds: number) =>
  stripeEvent('invoice.payment_failed', 'invoice', { id, ...failing }, seconds)
const ended = (type: string, id: string, status: string, seconds: number) =>
  stripeEvent(type, 'invoice', { id, ...invoice, status, amount_remaining: 0 }, seconds)
const payment = (id: string, seconds: number, amount_refunded: number, disputes: object[]) =>
  observed(
    'invoice_payment',
    { id, invoice: 'in_1', payment: { payment_intent: { latest_charge: { amount_refunded } } }, disputes },
    seconds,
  )

/** What comes of Stripe in whatever order; what of it lets a tenant in again: money, or somebody's decision. */
const told: Record<string, { facts: () => NewFact[]; lifts?: true }> = {
  'the first invoice fails': { facts: () => [failed('in_1', 10)] },
  'the first invoice is paid': { facts: () => [ended('invoice.paid', 'in_1', 'paid', 20)], lifts: true },
  'the second invoice fails': { facts: () => [failed('in_2', 30)] },
  'the second invoice is voided': { facts: () => [ended('invoice.voided', 'in_2', 'void', 40)], lifts: true },
  'the subscription is past due': { facts: () => [subscription('past_due', 11)] },
  'the subscription is paid for again': { facts: () => [subscription('active', 41)], lifts: true },
  'the third invoice fails': { facts: () => [failed('in_3', 45)] },
  'a part is refunded': { facts: () => [payment('inpay_1', 50, 100, [])] },
  'the dispute of the first is lost': {
    facts: () => [payment('inpay_1', 60, 100, [{ id: 'du_1', amount: 800, status: 'lost' }])],
  },
  'an operator lifts it': {
    facts: () => [newFact('access.dispute_lifted', { invoice_id: 'in_1', personal: { reason: null } })],
    lifts: true,
  },
}
const names = Object.keys(told)

test('in whatever order Stripe tells, access goes up after a payment or a decision alone', async () => {
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(names), async (order) => {
      const db = await createSqlite()
      try {
        await recordAll(db, [subscription('active', 0)])
        let before: Access = 'full'
        for (const name of order) {
          await recordAll(db, told[name]?.facts() ?? [])
          const { access } = await accessOfTenant(db.reader, tenant, rules)
          const isUp = height[access] > height[before]
          expect(isUp && told[name]?.lifts !== true, `${before} to ${access}: ${order.join(', ')}`).toBe(
            false,
          )
          before = access
        }
      } finally {
        await db.close()
      }
    }),
    {
      numRuns: 40,
      examples: [[['the first invoice fails', 'the subscription is past due', 'the first invoice is paid']]],
    },
  )
})

test('once all of it is told, access is the same', async () => {
  const all = names.filter((name) => name !== 'an operator lifts it')
  const disputed = 'the dispute of the first is lost'
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(all, { minLength: all.length }), async (order) => {
      const db = await createSqlite()
      try {
        await recordAll(db, [subscription('active', 0)])
        // What was given back is asked for with its invoice, which has been there before.
        const rest = order.filter((name) => name !== disputed)
        for (const name of [...rest, disputed]) await recordAll(db, told[name]?.facts() ?? [])
        const { access, reason } = await accessOfTenant(db.reader, tenant, rules)
        expect([access, reason]).toEqual(['suspended', 'dispute_lost'])
        const mild = { ...rules, accessRules: { ...rules.accessRules, suspendOnLostDispute: false } }
        expect(await accessOfTenant(db.reader, tenant, mild)).toMatchObject({
          ...{ access: 'grace', reason: 'payment_failed', failingSince: at(45) },
        })
      } finally {
        await db.close()
      }
    }),
    { numRuns: 20 },
  )
})
