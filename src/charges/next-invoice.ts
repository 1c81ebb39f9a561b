import type { Reader } from '../db/tables.ts'
import { cardAt, pricedCents } from '../pricing/price.ts'
import { duesOf } from './dues.ts'
import { type Known, knownOf, type Subscription, type Window } from './known.ts'
import { type Difference, type Due, differencesOf, fitting, largestCents, newDifferences } from './lines.ts'
import { hasOwnInvoice, ownInvoiceMs } from './moments.ts'
import { dayMs, earliest, later, latest, monthAt } from './months.ts'
import { type Pending, type Renewal, renewalOf } from './renewal.ts'
import {
  cancelsAt,
  isCollectionPaused,
  isOver,
  linesWait,
  openWindow,
  subscriptionOf,
  windowsOf,
} from './subscription.ts'

/** An invoice that is to come, before the customer's balance and tax, in cents of the subscription's currency. */
export type NextInvoice = {
  /** When it is made, UTC ISO 8601. */
  at: string
  /** The plan after discount: 0 where no renewal falls on it. */
  planCents: number
  /** What waits at Stripe for it, such as prorations. Below zero: a credit. */
  pendingCents: number
  /** Ours: usage by window and type, and the base. */
  lines: readonly Difference[]
  totalCents: number
}

/**
 * The cents of the invoice that the next window end will make, as things stand: the plan after discount where a renewal falls on it, with
 * what waits at Stripe; the base where the subscription goes on; and due less charged of all its windows. Before balance and
 * tax. Null where none will come. Reads the tables alone.
 */
export const nextInvoiceCents = async (reader: Reader, tenantId: string) =>
  nextCentsOf(reader, await knownOf(reader, tenantId))

/** As `nextInvoiceCents`, of what is known or supposed. */
export const nextCentsOf = async (reader: Reader, known: Known) =>
  (await nextInvoiceOf(reader, known))?.totalCents ?? null

/**
 * That invoice with its parts.
 * @param pending cents that wait at Stripe for the next renewal, where they are not what the tables say
 */
export async function nextInvoiceOf(
  reader: Reader,
  known: Known,
  pending?: readonly Pending[],
): Promise<NextInvoice | null> {
  const open = openWindow(known)
  if (open === undefined) return lastInvoice(known, await duesOf(reader, known))
  const subscription = subscriptionOf(known, open)
  const end = cancelsAt(subscription)
  const goesOn = end === null || end > open.ends_at
  if (known.gone.has(subscription.customer_id)) return null
  if (linesWait(subscription) || (open.is_trial === 1 && !goesOn)) return null
  const isPaused = isCollectionPaused(subscription)
  const renews = goesOn && !isPaused && renewsAt(subscription, open.ends_at)
  const base = goesOn && !isPaused ? nextBase(known, open) : []
  const ends_at = earliest(end ?? open.ends_at, open.ends_at)
  const windows = known.windows.map((each) => (each === open ? { ...open, ends_at } : each))
  const dues = await duesOf(reader, { ...known, windows })
  const ours = [...differences(dues, known, subscription), ...base]
  if (!renews) return ownInvoice(later(ends_at, ownInvoiceMs), ours)
  return invoiceOf(open.ends_at, ours, await renewalOf(reader, subscription, open.ends_at, pending))
}

/** What still waits for an invoice of the subscription that ended last. */
function lastInvoice(known: Known, dues: readonly Due[]): NextInvoice | null {
  const ended = known.subscriptions.findLast(
    (subscription) => isOver(subscription) && windowsOf(known, subscription).length > 0,
  )
  if (ended === undefined || known.gone.has(ended.customer_id)) return null
  const windows = windowsOf(known, ended)
  const waiting = windows.filter((each) => each.billed_at === null && hasOwnInvoice(known, each))
  const [first] = waiting.map(({ ends_at, closed_at }) =>
    latest(later(ends_at, ownInvoiceMs), closed_at ?? ''),
  )
  const at = first ?? windows.at(-1)?.late_at ?? windows.at(-1)?.ends_at ?? ''
  const own = dues.filter(({ window }) => window.subscription_id === ended.subscription_id)
  return ownInvoice(
    at,
    first === undefined ? newDifferences(own, known.lines) : differencesOf(own, known.lines),
  )
}

/** With nothing above zero on it, it is not made. */
const ownInvoice = (at: string, ours: readonly Difference[]) =>
  ours.some(({ cents }) => cents > 0n) ? invoiceOf(at, ours, { planCents: 0, pendingCents: 0 }) : null

function invoiceOf(at: string, ours: readonly Difference[], others: Renewal): NextInvoice {
  const otherCents = others.planCents + others.pendingCents
  const lines = fitting(ours, [], BigInt(Math.max(0, otherCents)))
  return { at, ...others, lines, totalCents: otherCents + Number(sumOf(lines)) }
}

const differences = (dues: readonly Due[], { lines }: Known, { subscription_id }: Subscription) =>
  differencesOf(
    dues.filter(({ window }) => window.subscription_id === subscription_id),
    lines,
  )

function nextBase({ cards }: Known, open: Window): Difference[] {
  const { ends_at, anchor_at, currency } = open
  const card = cardAt(cards, ends_at)
  const cents = pricedCents([{ quantity: 1n, rate: card.rates.platform_base }], currency)
  if (card.currency !== currency || cents === 0n || cents > largestCents) return []
  const window = { ...open, starts_at: ends_at, ends_at: monthAt(anchor_at, ends_at).end }
  return [{ due: { window, type: 'platform_base', quantity: 1n, cents, state: 'priced' }, cents }]
}

/** Weeks are counted on from the period's end; of longer periods only the one under way can end with a window. */
function renewsAt(
  { current_period_end, billing_interval, billing_interval_count }: Subscription,
  end: string,
) {
  if (current_period_end === null) return false
  if (billing_interval !== 'week' && billing_interval !== 'day') return end === current_period_end
  const period = (billing_interval === 'week' ? 7 : 1) * (billing_interval_count ?? 1) * dayMs
  const apart = Date.parse(end) - Date.parse(current_period_end)
  return apart >= 0 && apart % period === 0
}

const sumOf = (lines: readonly Difference[]) => lines.reduce((sum, { cents }) => sum + cents, 0n)
