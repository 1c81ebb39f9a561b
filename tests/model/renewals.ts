import { days, type Entry, type Instant, type InvoiceCreation, ofKind } from './history.ts'
import { outcomesOf } from './invoices.ts'
import { type Billing, makeLinesOn, makeOwnInvoice } from './making.ts'
import { endOf, latest, linesWait, type Subscription } from './subscriptions.ts'
import { type Window, windowsOf } from './windows.ts'

/*
 * Which invoice a window's end has: the renewal's draft, or one of our own. Decided here:
 * - A window end whose renewal Stripe still owes an invoice for is left to that invoice, whenever it is seen. If it
 *   never is, the lines wait for the next window end.
 * - A draft that is seen while collection is paused takes none of our lines; they go on an invoice of ours.
 * - A draft that is seen after the subscription's end takes none; the last invoice has them.
 * - A trial that is to be cancelled at its end has none of ours, also before the end was seen.
 * - The invoice at a pause, and the one for lines that missed their draft, take everything that is due then.
 */

/** The window that ended where this renewal's period begins. */
export function renewedWindow(windows: readonly Window[], created: InvoiceCreation): Window | undefined {
  if (created.reason !== 'renewal') return undefined
  return windows.find(
    ({ subscription, end }) => subscription.id === created.subscription && end === created.boundary,
  )
}

/** Lines on a renewal's invoice while it is a draft. */
export function putOnRenewal(billing: Billing, created: InvoiceCreation, now: Instant): void {
  const subscription = renewedWindow(windowsOf(billing.known, now), created)?.subscription
  if (subscription !== undefined && takesLines(subscription) && isDraft(billing.known, created))
    makeLinesOn(billing, subscription, created.invoice, now)
}

/** An invoice that Stripe made, as it is first seen. */
export function takeInInvoice(billing: Billing, created: InvoiceCreation): void {
  putOnRenewal(billing, created, created.at)
  const window = renewedWindow(windowsOf(billing.known, created.at), created)
  if (window !== undefined && !isDraft(billing.known, created))
    missedDraft(billing, window.subscription, created.at)
}

export function isDraft(known: readonly Entry[], { draft, invoice }: InvoiceCreation): boolean {
  return draft && outcomesOf(known, invoice).length === 0
}

function takesLines(subscription: Subscription): boolean {
  const state = latest(subscription)
  return endOf(subscription) === undefined && !linesWait(state) && !state.collectionPaused
}

export function missedDraft(billing: Billing, subscription: Subscription, now: Instant): void {
  const open = windowsOf(billing.known, now).find(
    ({ subscription: { id }, closesAt }) => id === subscription.id && closesAt > now,
  )
  if (open !== undefined && open.end - now > days(1) && takesLines(subscription))
    makeOwnInvoice(billing, subscription, now)
}

/** Whether an invoice of ours is due for the end of this window, an hour after it. */
export function hasOwnInvoice({ known }: Billing, window: Window): boolean {
  const { subscription, end, trial } = window
  const state = latest(subscription)
  const ended = endOf(subscription)
  if (linesWait(state)) return false
  if (ended !== undefined && ended.endedAt <= end) return true
  if (ended === undefined && state.collectionPaused) return true
  const goesOn = state.cancelAt === null || state.cancelAt > end
  if (trial && !goesOn) return false
  const renewed = ofKind(known, 'invoice_created').some((created) => renewedWindow([window], created))
  return !renewed && !(goesOn && state.periodEndsAt === end)
}
