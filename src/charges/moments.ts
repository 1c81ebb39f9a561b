import type { Invoice, Known, Subscription, Window } from './known.ts'
import { dayMs, later, latest, minuteMs } from './months.ts'
import {
  cancelsAt,
  goesOnAfter,
  isCollectionPaused,
  isOver,
  linesWait,
  openWindow,
  subscriptionOf,
  takesLines,
  windowsOf,
} from './subscription.ts'

/** A time at which lines are made, and where they go. */
export type Moment = { at: string; subscription: Subscription } & (
  | { moment: 'draft' | 'again'; window: Window; invoice: Invoice; takesLines: boolean }
  | { moment: 'missed'; window: Window; invoice: Invoice; makes: boolean }
  | { moment: 'window_end'; window: Window; makes: boolean }
  | { moment: 'pause'; pauseId: string; makes: boolean }
  | { moment: 'late' }
)

/** The first of all that are still to come, or have come already. */
export function nextMoment(known: Known, now: string): Moment | undefined {
  const moments = [
    ...known.windows
      .filter(({ closed_at }) => closed_at !== null)
      .flatMap((window) => ofWindow(known, window, now)),
    ...known.pauses
      .filter(({ billed_at }) => billed_at === null)
      .map(({ pause_id, subscription_id, paused_at }) => {
        const subscription = subscriptionOf(known, { subscription_id })
        const makes = windowsOf(known, subscription).length > 0 && !linesWait(subscription)
        return { moment: 'pause' as const, at: paused_at, subscription, pauseId: pause_id, makes }
      }),
  ]
  return moments.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))[0]
}

/** A draft takes our lines when it is seen, and what came meanwhile 45 minutes after it was made. */
const againMs = 45 * minuteMs
/** An invoice of our own is made this long after the end of the window. */
export const ownInvoiceMs = 60 * minuteMs
/** A draft that was not seen so long after a boundary is asked for. */
const draftLateMs = 5 * minuteMs

function ofWindow(known: Known, window: Window, now: string): Moment[] {
  const subscription = subscriptionOf(known, window)
  const of = { subscription, window }
  const moments: Moment[] = []
  const draft = known.invoices.find(({ invoice_id }) => invoice_id === window.draft_id)
  if (window.draft_id === null) {
    const invoice = renewalOf(known, window)
    if (invoice !== undefined) moments.push(firstSeen(known, of, invoice, now))
  } else if (window.draft_again_at === null && draft !== undefined) {
    const isDraft = draft.status === 'draft' && takesLines(subscription)
    moments.push({
      moment: 'again',
      at: later(draft.created_at, againMs),
      ...of,
      invoice: draft,
      takesLines: isDraft,
    })
  }
  if (window.billed_at === null)
    moments.push({
      moment: 'window_end',
      at: latest(later(window.ends_at, ownInvoiceMs), window.closed_at ?? ''),
      ...of,
      makes: hasOwnInvoice(known, window),
    })
  if (window.late_at !== null) moments.push({ moment: 'late', at: window.late_at, subscription })
  return moments
}

function firstSeen(
  known: Known,
  of: { subscription: Subscription; window: Window },
  invoice: Invoice,
  now: string,
): Moment {
  if (invoice.status === 'draft')
    return { moment: 'draft', at: now, ...of, invoice, takesLines: takesLines(of.subscription) }
  return { moment: 'missed', at: now, ...of, invoice, makes: missesWait(known, of.subscription, now) }
}

/** What did not get onto its draft goes on an invoice of our own at once, when the next window end is more than a day away. */
export function missesWait(known: Known, subscription: Subscription, now: string): boolean {
  const open = openWindow(known)
  return (
    open?.subscription_id === subscription.subscription_id &&
    open.ends_at > later(now, dayMs) &&
    takesLines(subscription)
  )
}

/** The invoice of the renewal at this window's end. */
const renewalOf = ({ invoices }: Known, { subscription_id, ends_at }: Window) =>
  invoices.find(
    (invoice) =>
      invoice.subscription_id === subscription_id &&
      invoice.billing_reason === 'subscription_cycle' &&
      invoice.boundary_at === ends_at,
  )

/** Whether the end of this window has an invoice of our own, as things stand an hour after it. */
export function hasOwnInvoice(known: Known, window: Window): boolean {
  const subscription = subscriptionOf(known, window)
  const { ended_at, current_period_end } = subscription
  if (linesWait(subscription)) return false
  if (ended_at !== null && ended_at <= window.ends_at) return true
  if (ended_at === null && isCollectionPaused(subscription)) return true
  const end = cancelsAt(subscription)
  const goesOn = end === null || end > window.ends_at
  if (window.is_trial === 1 && !goesOn) return false
  return renewalOf(known, window) === undefined && !(goesOn && current_period_end === window.ends_at)
}

/** When Stripe has to be asked for the draft of a renewal that was not seen: from five minutes after its boundary on, each minute. */
export function draftToAskFor(known: Known, now: string): { window: Window; at: string } | undefined {
  const window = known.windows.findLast(({ closed_at }) => closed_at !== null)
  if (window === undefined || window.billed_at !== null || window.draft_id !== null) return undefined
  const subscription = subscriptionOf(known, window)
  const isRenewal =
    takesLines(subscription) &&
    goesOnAfter(subscription, window.ends_at) &&
    (subscription.current_period_end === window.ends_at ||
      subscription.current_period_start === window.ends_at)
  if (!isRenewal || isOver(subscription)) return undefined
  return { window, at: latest(later(window.ends_at, draftLateMs), now) }
}
