import { z } from 'zod'
import { outstandingCents } from '../charges/late-invoices.ts'
import { nextInvoiceCents } from '../charges/next-invoice.ts'
import { unchargedOf } from '../charges/uncharged.ts'
import type { Database } from '../db/database.ts'
import { cents, timeOut } from '../db/fields.ts'
import type { Reader } from '../db/tables.ts'
import { NotFound } from '../errors.ts'
import { readRateCards } from '../pricing/rate-cards.ts'
import { latestSubscription } from '../views/subscriptions.ts'
import { Cause, causesAt } from './causes.ts'
import { ImpossiblePast, positionAt } from './past.ts'
import { ColumnChange, columnChanges, type RowChange, rowChanges } from './row-changes.ts'
import { timeAt } from './session-at.ts'

const moment = z.object({ position: z.int(), time: timeOut.nullable() })
const amounts = [
  'next_invoice_cents',
  'outstanding_cents',
  'unbilled_usage_cents',
  'subscription_cents',
] as const

/** `time`: when the fact at the position was recorded; null before the first. `facts`: what caused it, in their order. */
export const Diff = z.object({
  tenant_id: z.string(),
  from: moment,
  to: moment,
  sessions: z.array(
    z.object({
      session_id: z.string(),
      before: z.string().nullable(),
      after: z.string().nullable(),
      facts: z.array(Cause),
    }),
  ),
  rows: z.array(
    z.object({
      table: z.string(),
      key: z.string(),
      change: z.enum(['added', 'changed']),
      columns: z.array(ColumnChange.extend({ facts: z.array(Cause) })),
    }),
  ),
  /** Those that differ. Null: there was none, or no next invoice. */
  money: z.array(
    z.object({
      amount: z.enum(amounts),
      before: cents.nullable(),
      after: cents.nullable(),
      delta: cents,
      facts: z.array(Cause),
    }),
  ),
})
export type Diff = z.infer<typeof Diff>

/** In cents. */
type Money = Record<(typeof amounts)[number], number | null>

/**
 * What changed for a tenant between two moments of the log, and by which facts: where its sessions stand, its rows, its
 * money.
 * @param from,to a position, or an ISO 8601 time
 * @throws NotFound for a tenant without a fact; ImpossiblePast
 */
export async function diff(
  db: Database,
  { tenantId, from, to }: { tenantId: string; from: string; to: string },
): Promise<Diff> {
  const after = await positionAt(db.reader, from)
  const until = await positionAt(db.reader, to)
  if (after > until)
    throw new ImpossiblePast(`${from} (position ${after}) is after ${to} (position ${until})`)
  await assertTenant(db.reader, tenantId)
  const times = { from: await timeAt(db, after), to: await timeAt(db, until) }
  const money: Money[] = []
  const visit = (time: string | null) => async (tables: Reader) => {
    money.push(await moneyOf(tables, tenantId, new Date(time ?? 0)))
  }
  const changes = await rowChanges(
    db,
    { tenantId },
    { after, until, foldsTenant: tenantId },
    { before: visit(times.from), after: visit(times.to) },
  )
  const cards = await newRateCards(db.reader, after, until)
  const causes = await causesAt(db.reader, [...changes.map(({ position }) => position), ...cards])
  const factsAt = (positions: number[]) =>
    [...new Set(positions)].sort((a, b) => a - b).flatMap((position) => causes.get(position) ?? [])
  const byRow = [...Map.groupBy(changes, ({ table, key }) => JSON.stringify([table, key])).values()]
  return {
    tenant_id: tenantId,
    from: { position: after, time: times.from },
    to: { position: until, time: times.to },
    sessions: byRow.flatMap((ofRow) => sessionChange(ofRow, factsAt)),
    rows: byRow.flatMap((ofRow) => rowChange(ofRow, factsAt)),
    money: moneyChanges(money, changes, cards, factsAt),
  }
}

type FactsAt = (positions: number[]) => Cause[]

function sessionChange(changes: RowChange[], factsAt: FactsAt): Diff['sessions'] {
  const { first, last } = ends(changes)
  if (first.table !== 'onboarding_sessions') return []
  const before = placeOf(first.before)
  const after = placeOf(last.after)
  if (before === after) return []
  const moves = changes.filter((change) => placeOf(change.before) !== placeOf(change.after))
  return [{ session_id: first.key, before, after, facts: factsAt(moves.map(({ position }) => position)) }]
}

const placeOf = (row: RowChange['before']) => (row === null ? null : String(row.place))

function rowChange(changes: RowChange[], factsAt: FactsAt): Diff['rows'] {
  const { first, last } = ends(changes)
  const columns = columnChanges({ before: first.before, after: last.after }).map((column) => ({
    ...column,
    facts: factsAt(
      changes
        .filter((change) => columnChanges(change).some((one) => one.column === column.column))
        .map(({ position }) => position),
    ),
  }))
  if (columns.length === 0) return []
  const change = first.before === null ? ('added' as const) : ('changed' as const)
  return [{ table: first.table, key: first.key, change, columns }]
}

function ends(changes: RowChange[]): { first: RowChange; last: RowChange } {
  const [first] = changes
  const last = changes.at(-1)
  if (first === undefined || last === undefined) throw new Error('a row that changed has a change')
  return { first, last }
}

/** What a month owes and was charged, and for which time. */
const charged = [
  'billing_subscriptions',
  'billing_windows',
  'billing_window_dues',
  'billing_usage_lines',
  'billing_usage_records',
  'billing_usage_decisions',
  'billing_pauses',
]

/** The tables that an amount is made of; what is metered is priced by the rate cards too. */
const sources: Record<keyof Money, { tables: string[]; isMetered: boolean }> = {
  next_invoice_cents: { tables: [...charged, 'billing_invoices', 'billing_invoice_items'], isMetered: true },
  outstanding_cents: { tables: ['billing_invoices'], isMetered: false },
  unbilled_usage_cents: { tables: charged, isMetered: true },
  subscription_cents: { tables: ['billing_subscriptions'], isMetered: false },
}

function moneyChanges(
  [before, after]: Money[],
  changes: RowChange[],
  cards: number[],
  factsAt: FactsAt,
): Diff['money'] {
  if (before === undefined || after === undefined) return []
  return amounts
    .filter((amount) => before[amount] !== after[amount])
    .map((amount) => {
      const { tables, isMetered } = sources[amount]
      const positions = changes.filter(({ table }) => tables.includes(table)).map(({ position }) => position)
      return {
        amount,
        before: before[amount],
        after: after[amount],
        delta: (after[amount] ?? 0) - (before[amount] ?? 0),
        facts: factsAt(isMetered ? [...positions, ...cards] : positions),
      }
    })
}

async function moneyOf(tables: Reader, tenantId: string, now: Date): Promise<Money> {
  const subscription = await latestSubscription(tables, tenantId)
  const isPriced = (await readRateCards(tables)).length > 0
  return {
    next_invoice_cents: isPriced ? await nextInvoiceCents(tables, tenantId) : null,
    outstanding_cents: await outstandingCents(tables, tenantId, now),
    unbilled_usage_cents: isPriced
      ? (await unchargedOf(tables, tenantId)).reduce((sum, line) => sum + line.amount_cents, 0)
      : 0,
    subscription_cents: subscription?.amount_cents ?? null,
  }
}

async function newRateCards(reader: Reader, after: number, until: number): Promise<number[]> {
  const rows = await reader
    .selectFrom('billing_events')
    .select('position')
    .where('type', '=', 'rates.card_set')
    .where('position', '>', after)
    .where('position', '<=', until)
    .execute()
  return rows.map(({ position }) => position)
}

async function assertTenant(reader: Reader, tenantId: string): Promise<void> {
  const row = await reader
    .selectFrom('billing_events')
    .select('position')
    .where('tenant_id', '=', tenantId)
    .limit(1)
    .executeTakeFirst()
  if (row === undefined) throw new NotFound('tenant')
}
