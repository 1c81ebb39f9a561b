import type { Reader } from '../db/tables.ts'
import { linesOnDrafts } from './drafts.ts'
import type { Known, Line, Subscription } from './known.ts'
import { type Difference, differencesOf, fitting } from './lines.ts'
import { toMake } from './make.ts'
import { isCollectionPaused, isOver, linesWait, openWindow, windowsOf } from './subscription.ts'
import { windowToClose } from './windows.ts'

/**
 * What is known of a tenant, had Stripe just shown one of its subscriptions so: its window ends with it, what lies on its drafts is due
 * again, and a pause begins or ends.
 */
export function suppose(known: Known, next: Subscription, now: string): Known {
  const ends = isOver(next)
  const open = openWindow(known)
  const closing =
    ends && open?.subscription_id === next.subscription_id ? windowToClose(open, next, now) : undefined
  const subscriptions = known.subscriptions.map((each) =>
    each.subscription_id === next.subscription_id ? next : each,
  )
  const windows = known.windows.map((each) =>
    closing !== undefined && each === open ? { ...each, ends_at: closing.end, closed_at: now } : each,
  )
  const offDrafts = linesOnDrafts({ ...known, subscriptions })
  const lines = known.lines.filter((line) => !offDrafts.includes(line))
  return { ...known, subscriptions, windows, lines, pauses: pausesWith(known, next, now) }
}

function pausesWith({ tenantId, pauses }: Known, next: Subscription, now: string): Known['pauses'] {
  const { subscription_id } = next
  const open = pauses.find((each) => each.subscription_id === subscription_id && each.resumed_at === null)
  if (isCollectionPaused(next) === (open !== undefined)) return pauses
  if (open !== undefined) return pauses.map((each) => (each === open ? { ...each, resumed_at: now } : each))
  const times = { paused_at: now, resumed_at: null, billed_at: null }
  return [...pauses, { pause_id: '', tenant_id: tenantId, subscription_id, ...times, last_position: 0 }]
}

/** What the invoice of our own is of that a pause makes at once. */
export async function pauseLines(
  reader: Reader,
  known: Known,
  subscription: Subscription,
): Promise<Difference[]> {
  if (windowsOf(known, subscription).length === 0 || linesWait(subscription)) return []
  const { dues } = await toMake({ trx: reader }, known, subscription, { openToo: true })
  return fitting(differencesOf(dues, known.lines), [], 0n)
}

/** What is known, had these lines been asked for. */
export function withLines(known: Known, differences: readonly Difference[], now: string): Known {
  const { tenantId: tenant_id } = known
  const asked = differences.map(({ due, cents }): Line => {
    const { window, type: usage_type, quantity } = due
    const amounts = { amount_cents: Number(cents), item_cents: Number(cents), charged_cents: Number(cents) }
    return {
      ...{ line_id: '', tenant_id, subscription_id: window.subscription_id, window_id: window.window_id },
      ...{ usage_type, kind: 'item', invoice_id: null, invoice_key: null, quantity: String(quantity) },
      ...amounts,
      ...{ refusal: null, upto_position: 0, made_at: now, position: 0, last_position: 0 },
    }
  })
  return { ...known, lines: [...known.lines, ...asked] }
}
