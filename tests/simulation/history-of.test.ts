import { expect, onTestFinished, test } from 'vitest'
import type { NewFact } from '../../src/log/facts.ts'
import { readFacts } from '../../src/log/read.ts'
import { historyOf } from '../../src/simulation/history/history-of.ts'
import type { Entry, History } from '../../src/simulation/model.ts'
import { createSqlite } from '../support/databases.ts'
import {
  at,
  epoch,
  newFact,
  observed,
  recordAll,
  stripeEvent,
  tenant,
  usageRecorded,
} from '../support/facts.ts'

/** Each recorded a minute after the one before it, from `at(0)` on. */
async function history(facts: readonly NewFact[], names: Record<string, string> = {}): Promise<History> {
  const db = await createSqlite()
  onTestFinished(() => db.close())
  for (const [minute, fact] of facts.entries()) await recordAll(db, [fact], at(60 * minute))
  const log = await Array.fromAsync(readFacts(db.reader, { tenantId: tenant, andTenantless: true }))
  return historyOf(db.reader, log, (key) => names[key]).history
}

/** Without their places. */
const told = (entries: History) => entries.map(({ at: _at, position: _position, ...entry }) => entry)
const ofKind = <K extends Entry['kind']>(entries: History, kind: K) =>
  entries.filter((entry): entry is Extract<Entry, { kind: K }> => entry.kind === kind)

const day = 86_400
const month = 31 * day

function subscription(
  change: object = {},
  { ends = month, amount = 9_900, interval = 'month', count = 1 } = {},
) {
  const price = { id: 'price_1', unit_amount: amount, recurring: { interval, interval_count: count } }
  return {
    id: 'sub_1',
    customer: 'cus_1',
    status: 'active',
    start_date: epoch,
    trial_end: null,
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    ended_at: null,
    pause_collection: null,
    currency: 'usd',
    latest_invoice: 'in_1',
    discounts: [],
    metadata: { stepledger_key: 'key_1', plan_id: 'basic' },
    items: { data: [{ id: 'si_1', quantity: 1, current_period_end: epoch + ends, price }] },
    ...change,
  }
}

function invoice(id: string, change: object = {}, lines: object[] = [planLine(0)]) {
  return {
    id,
    customer: 'cus_1',
    status: 'draft',
    created: epoch,
    billing_reason: 'subscription_cycle',
    parent: { type: 'subscription_details', subscription_details: { subscription: 'sub_1' } },
    attempted: false,
    attempt_count: 0,
    starting_balance: 0,
    ending_balance: null,
    metadata: {},
    total: 9_900,
    lines: { data: lines },
    ...change,
  }
}

const planLine = (start: number, change: object = {}) => ({
  amount: 9_900,
  period: { start: epoch + start, end: epoch + start + month },
  metadata: {},
  parent: { type: 'subscription_item_details', subscription_item_details: { invoice_item: null } },
  ...change,
})
const itemLine = (amount: number, change: object = {}) => ({
  amount,
  period: { start: epoch, end: epoch },
  metadata: {},
  parent: { type: 'invoice_item_details', invoice_item_details: { invoice_item: 'ii_1' } },
  ...change,
})

test('usage, voids and rate cards keep when they occurred, when they were recorded, and their order', async () => {
  const rate = { rate_cents: 10, per_units: 1_000 }
  const entries = await history([
    newFact(
      'rates.card_set',
      {
        ...{ rate_card_id: 'card_1', currency: 'usd', effective_at: at(-day), release: '1.2.3' },
        rates: {
          agent: rate,
          user: rate,
          case: rate,
          event_ingestion: rate,
          api_call: rate,
          platform_base: rate,
        },
      },
      { tenantId: null },
    ),
    usageRecorded('usg_1', -3 * day, { usage_type: 'agent', action: 'set', quantity: 0 }),
    newFact('usage.voided', { record_id: 'usg_1', personal: { reason: null } }),
  ])
  expect(entries).toMatchObject([
    { kind: 'rate_card', at: Date.parse(at(0)), effectiveAt: Date.parse(at(-day)), release: 1_002_003 },
    {
      ...{ kind: 'usage', record: 'usg_1', type: 'agent', action: 'set', quantity: 0 },
      ...{ at: Date.parse(at(60)), occurredAt: Date.parse(at(-3 * day)) },
    },
    { kind: 'usage_void', at: Date.parse(at(120)), record: 'usg_1' },
  ])
  expect(entries[0]).toMatchObject({ rates: { case: { cents: 10, per: 1_000 } } })
  const positions = entries.map(({ position }) => position)
  expect(positions).toEqual(positions.toSorted((a, b) => a - b))
})

test('a subscription is seen as Stripe showed it; what is older than what was seen before tells nothing', async () => {
  const entries = await history([
    observed('subscription', subscription(), 0),
    stripeEvent('customer.subscription.updated', 'subscription', subscription({}, { ends: 2 * month }), 900),
    stripeEvent('customer.subscription.updated', 'subscription', subscription({}, { ends: 7 }), 400),
    stripeEvent(
      'customer.subscription.deleted',
      'subscription',
      subscription({ status: 'canceled', ended_at: epoch + 1_000 }, { interval: 'month', count: 3 }),
      1_000,
    ),
    stripeEvent('customer.subscription.updated', 'subscription', subscription(), 2_000),
  ])
  expect(entries).toHaveLength(3)
  expect(entries).toMatchObject([
    {
      ...{ subscription: 'sub_1', status: 'active', startedAt: epoch * 1000, endedAt: null, cancelAt: null },
      ...{ plan: { interval: 'month', amountCents: 9_900 }, madeByUs: true, firstInvoice: 'in_1' },
      ...{ periodEndsAt: (epoch + month) * 1000, collectionPaused: false, pendingCents: 0, discount: null },
    },
    { status: 'active', periodEndsAt: (epoch + 2 * month) * 1000 },
    { status: 'canceled', endedAt: (epoch + 1_000) * 1000, plan: { interval: 'quarter' } },
  ])
})

test('the end of the period is when a subscription ends that is cancelled with it, and a pause is seen', async () => {
  const [entry] = await history([
    observed(
      'subscription',
      subscription({ cancel_at_period_end: true, pause_collection: { behavior: 'void' }, metadata: {} }),
      0,
    ),
  ])
  expect(entry).toMatchObject({
    ...{ cancelAt: (epoch + month) * 1000, collectionPaused: true },
    ...{ madeByUs: false, firstInvoice: null },
  })
})

test('terms of a discount that an answer has told hold for the events, which have its id alone', async () => {
  const terms = {
    id: 'di_1',
    end: epoch + 90 * day,
    source: { coupon: { id: 'C', percent_off: 20, duration: 'once' } },
  }
  const entries = await history([
    stripeEvent('customer.subscription.created', 'subscription', subscription({ discounts: ['di_1'] }), 0),
    observed('subscription', subscription({ discounts: [terms] }), 1),
    stripeEvent('customer.subscription.updated', 'subscription', subscription({ discounts: ['di_1'] }), 50),
    stripeEvent('customer.subscription.updated', 'subscription', subscription(), 60),
  ])
  const known = { percentOff: 20, amountOffCents: null, endsAt: (epoch + 90 * day) * 1000, once: true }
  expect(ofKind(entries, 'subscription').map(({ discount }) => discount)).toEqual([
    { percentOff: null, amountOffCents: null, endsAt: null, once: false },
    known,
    known,
    null,
  ])
})

test('an invoice is told when it is first seen, without our lines; each outcome once, in any order', async () => {
  const ours = itemLine(3_000, { metadata: { stepledger_key: 'line_1' } })
  const final = { status: 'open', starting_balance: -500, ending_balance: 0, total: 12_900 }
  const entries = await history([
    stripeEvent('invoice.created', 'invoice', invoice('in_2', {}, [planLine(month)]), 0),
    stripeEvent('invoice.payment_failed', 'invoice', invoice('in_2', final, [planLine(month), ours]), 3_600),
    stripeEvent('invoice.finalized', 'invoice', invoice('in_2', final, [planLine(month), ours]), 3_600),
    stripeEvent('invoice.paid', 'invoice', invoice('in_2', { ...final, status: 'paid' }), 9_000),
    stripeEvent('invoice.updated', 'invoice', invoice('in_2', { ...final, status: 'paid' }), 9_000),
  ])
  expect(told(entries)).toEqual([
    {
      ...{ kind: 'invoice_created', invoice: 'in_2', subscription: 'sub_1', reason: 'renewal', draft: true },
      ...{ boundary: (epoch + month) * 1000, createdAt: epoch * 1000, planCents: 9_900 },
    },
    { kind: 'finalized', invoice: 'in_2', balanceCents: 500 },
    { kind: 'payment_failed', invoice: 'in_2', failedAt: (epoch + 3_600) * 1000 },
    { kind: 'paid', invoice: 'in_2', balanceCents: 500 },
  ])
})

test('the first invoice’s plan is without the base that went with our own call', async () => {
  const base = planLine(0, {
    ...{ amount: 10_000, parent: { invoice_item_details: { invoice_item: 'ii_2' } } },
    pricing: { price_details: { price: 'price_x', product: 'stepledger_usage' } },
  })
  const first = { billing_reason: 'subscription_create', status: 'paid', total: 19_900, ending_balance: 0 }
  const entries = await history([observed('invoice', invoice('in_1', first, [planLine(0), base]), 0)])
  expect(entries[0]).toMatchObject({
    reason: 'create',
    draft: false,
    planCents: 9_900,
    boundary: epoch * 1000,
  })
})

test('a last invoice, with what was pending, renews nothing', async () => {
  const entries = await history([observed('invoice', invoice('in_9', {}, [itemLine(700)]), 0)])
  expect(entries[0]).toMatchObject({ reason: 'other', boundary: null })
})

test('an invoice of ours is told by its name alone, and by what becomes of it', async () => {
  const own = { metadata: { stepledger_key: 'our_key' }, parent: null, billing_reason: 'manual' }
  const entries = await history(
    [
      observed('invoice', invoice('in_5', own), 0),
      observed('invoice', { id: 'in_5' }, 5, { isDeleted: true }),
      observed('invoice', invoice('in_5', { ...own, status: 'void', ending_balance: 0 }), 9),
    ],
    { our_key: 'own:sub_1:2026-02-01' },
  )
  expect(told(entries)).toEqual([
    { kind: 'deleted', invoice: 'own:sub_1:2026-02-01' },
    { kind: 'finalized', invoice: 'own:sub_1:2026-02-01', balanceCents: 0 },
    { kind: 'voided', invoice: 'own:sub_1:2026-02-01' },
  ])
})

test('what waits for the next renewal is counted from when its item is seen until an invoice has it', async () => {
  const item = {
    ...{ id: 'ii_1', customer: 'cus_1', amount: -1_250, invoice: null },
    parent: { subscription_details: { subscription: 'sub_1' } },
  }
  const entries = await history([
    observed('subscription', subscription(), 0),
    observed('invoiceitem', item, 10),
    observed('invoice', invoice('in_2', {}, [planLine(month), itemLine(-1_250)]), 20),
    observed('invoiceitem', item, 30),
  ])
  expect(ofKind(entries, 'subscription').map(({ pendingCents }) => pendingCents)).toEqual([0, -1_250, 0])
})

test('what was received and not applied was learned by nobody', async () => {
  const seen = stripeEvent('customer.subscription.created', 'subscription', subscription(), 0)
  expect(await history([{ ...seen, data: { ...seen.data, disposition: 'quarantined' } }])).toEqual([])
})

const line = {
  subscription_id: 'sub_1',
  window_start: at(0),
  usage_type: 'case',
  customer_id: 'cus_1',
} as const
const noReason = { reason: null }
const asked = (
  line_id: string,
  on: { invoice_id?: string; invoice_key?: string; kind?: 'item' | 'forgiven' },
) =>
  newFact('usage.line_asked', {
    ...{ ...line, line_id, currency: 'usd', quantity: '3', amount_cents: 3_000, upto_position: 0 },
    ...{
      kind: 'item',
      invoice_id: null,
      invoice_key: null,
      description: 'Cases: 3',
      personal: noReason,
      ...on,
    },
  })

test('of lines, only what Stripe refused is told, with the invoice that the line was meant for', async () => {
  const entries = await history(
    [
      asked('line_1', { invoice_id: 'in_2' }),
      asked('line_2', { invoice_key: 'our_key' }),
      asked('line_3', { invoice_id: 'in_2' }),
      newFact('usage.line_refused', { line_id: 'line_1', reason: 'invoice_not_editable' }),
      newFact('usage.line_refused', { line_id: 'line_2', reason: 'invoice_not_editable' }),
      newFact('usage.line_refused', { line_id: 'line_3', reason: 'taken_off' }),
    ],
    { our_key: 'own:sub_1:2026-02-01' },
  )
  expect(told(entries)).toEqual([
    { kind: 'lines_refused', invoice: 'in_2', type: 'case' },
    { kind: 'lines_refused', invoice: 'own:sub_1:2026-02-01', type: 'case' },
  ])
})

test('what operators and callers decide is told: claims, forgiveness of gaps and of windows, releases, rebills', async () => {
  const gaps = [{ from: at(-day), to: at(0) }]
  const entries = await history([
    newFact('usage.claimed', {
      usage_type: 'case',
      gaps,
      after_position: 0,
      window_id: null,
      personal: noReason,
    }),
    newFact('usage.forgiven', { usage_type: 'api_call', gaps, after_position: 0, personal: noReason }),
    asked('line_1', { kind: 'forgiven' }),
    newFact('usage.released', { ...line, personal: noReason }),
    newFact('usage.rebilled', { invoice_id: 'in_2', personal: noReason }),
  ])
  expect(told(entries)).toEqual([
    { kind: 'usage_claim', type: 'case' },
    { kind: 'usage_forgive', type: 'api_call', window: null },
    { kind: 'usage_forgive', type: 'case', window: epoch * 1000 },
    { kind: 'usage_release', type: 'case', window: epoch * 1000 },
    { kind: 'rebill', invoice: 'in_2' },
  ])
})
