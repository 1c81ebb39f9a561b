import { duesOf, largestCents } from './dues.ts'
import { type Entry, type Instant, ofKind, ownInvoice } from './history.ts'
import { invoiceOf, type OwnInvoice } from './invoices.ts'
import { type Difference, differencesOf, fitting, type Line, notesFor } from './lines.ts'
import { cardAt, cardsOf, priced } from './rates.ts'
import { endOf, type Subscription } from './subscriptions.ts'

/** All that the model keeps while it walks through a history. */
export interface Billing {
  /** What has been recorded until now, in its order. */
  readonly known: Entry[]
  readonly lines: Line[]
  readonly own: OwnInvoice[]
}

/** Lines for all that is due and not charged, on a draft of Stripe's. */
export function makeLinesOn(
  billing: Billing,
  subscription: Subscription,
  invoice: string,
  now: Instant,
): void {
  const onIt = billing.lines.filter((line) => line.invoice === invoice)
  const seen = ofKind(billing.known, 'invoice_created').find((created) => created.invoice === invoice)
  const others = BigInt(Math.max(0, seen?.planCents ?? 0))
  record(billing, fitting(toMake(billing, subscription, now), onIt, others), invoice, now)
}

/**
 * An invoice of our own for all that is due and not charged, if there is anything. `openToo`: the window that is still
 * open as well (at a pause). Decided: at a pause in a trial the trial's usage still waits for the first paid month; after the end, credits first lower that invoice; what is left of them is
 * credit notes, made at the same instant.
 */
export function makeOwnInvoice(
  billing: Billing,
  subscription: Subscription,
  now: Instant,
  openToo = false,
): void {
  const invoice = ownInvoice(subscription.id, now)
  const differences = toMake(billing, subscription, now, openToo)
  const fit = fitting(differences, [], 0n)
  if (fit.length > 0) {
    if (!billing.own.some((made) => made.invoice === invoice))
      billing.own.push({ invoice, subscription: subscription.id, madeAt: now })
    record(billing, fit, invoice, now)
  }
  if (endOf(subscription) === undefined) return
  for (const difference of toMake(billing, subscription, now))
    for (const note of notesFor(difference, billing.lines, takesNotes(billing)))
      record(billing, [{ due: difference.due, cents: note.cents }], note.invoice, now, true)
}

/** What a moment could make lines of: usage of closed windows, the base of every window that has begun. */
export function toMake({ known, lines }: Billing, { id }: Subscription, now: Instant, openToo = false) {
  const dues = duesOf(known, now).filter(
    ({ window, type }) =>
      window.subscription.id === id &&
      ((!window.trial && (openToo || type === 'platform_base')) || window.closesAt <= now),
  )
  return differencesOf(dues, lines)
}

/** Whether something waits for a line or a credit note that can be made. */
export function hasToMake(billing: Billing, subscription: Subscription, now: Instant): boolean {
  return toMake(billing, subscription, now).some(
    (difference) =>
      difference.cents > 0n || notesFor(difference, billing.lines, takesNotes(billing)).length > 0,
  )
}

/** The base that goes with our own call that creates a subscription without a trial, whatever its status then is. */
export function makeFirstBase(billing: Billing, { id, first }: Subscription): void {
  const { firstInvoice, startedAt, at } = first
  if (!first.madeByUs || firstInvoice === null || first.trialEndsAt !== null) return
  const { rates, currency } = cardAt(cardsOf(billing.known), startedAt)
  const cents = priced([{ quantity: 1n, rate: rates.platform_base }], currency)
  if (currency !== first.currency || cents === 0n || cents > largestCents) return
  billing.lines.push({
    subscription: id,
    window: startedAt,
    type: 'platform_base',
    invoice: firstInvoice,
    creditNote: false,
    quantity: 1n,
    cents,
    itemCents: cents,
    chargedCents: cents,
    madeAt: at,
    uptoPosition: first.position,
  })
}

function record(
  { known, lines }: Billing,
  differences: readonly Difference[],
  invoice: string,
  madeAt: Instant,
  creditNote = false,
): void {
  for (const { due, cents } of differences)
    lines.push({
      subscription: due.window.subscription.id,
      window: due.window.start,
      type: due.type,
      invoice,
      creditNote,
      quantity: due.quantity,
      cents,
      itemCents: cents,
      chargedCents: cents,
      madeAt,
      uptoPosition: known.at(-1)?.position ?? 0,
    })
}

function takesNotes({ known, lines, own }: Billing) {
  return (invoice: string): boolean => {
    const created =
      own.find((made) => made.invoice === invoice) ??
      ofKind(known, 'invoice_created').find((made) => made.invoice === invoice)
    const status = created && invoiceOf(known, lines, created).status
    return status === 'open' || status === 'paid' || status === 'uncollectible'
  }
}
