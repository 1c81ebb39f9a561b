/**
 * A second opinion on money over time. From what was recorded of one tenant it says what every window owes, which
 * invoice each line is on, and all the numbers that follow. It shares no code with the service and is as plain as it
 * can be: at each moment everything is counted again from the first entry. It is the judge in property tests and in
 * the simulation; a difference means that one of the two is wrong.
 */
import { type Access, accessOf, failed } from './access.ts'
import { bill } from './billing.ts'
import { sum } from './cents.ts'
import { type Entry, type History, type Instant, ofKind, type UsageType } from './history.ts'
import { type Invoice, invoiceOf } from './invoices.ts'
import type { Line } from './lines.ts'
import { currentSubscription, nextInvoiceAmountCents } from './next-invoice.ts'
import { type RecordPicture, recordPictures } from './records.ts'
import { endOf, firstLive, subscriptionsOf } from './subscriptions.ts'
import { type Amounts, type Period, summaryOf } from './summary.ts'
import { type DuePicture, type WindowPicture, windowPictures } from './window-pictures.ts'
import { windowsOf } from './windows.ts'

export interface Picture {
  readonly windows: readonly WindowPicture[]
  /** In the order in which they were made. */
  readonly lines: readonly Line[]
  readonly invoices: readonly Invoice[]
  readonly records: readonly RecordPicture[]
  readonly heldCents: bigint
  readonly unpricedCents: bigint
  /** Credits that wait for an invoice with room for them; zero or above. */
  readonly creditCents: bigint
  readonly nextInvoiceAmountCents: bigint | null
  readonly isDelinquent: boolean
  readonly outstandingCents: bigint
  readonly access: Access
  /** Subscriptions that live beside the one whose windows are the tenant's. */
  readonly secondSubscriptions: readonly string[]
  /** Of which an outcome is told, but which on this history does not exist. */
  readonly unknownInvoices: readonly string[]
  readonly summary: (period: Period) => Record<UsageType, Amounts>
}

/** How all stands at an instant, with what was recorded until then, that instant included. */
export function model(history: History, now: Instant, { graceDays = 14 } = {}): Picture {
  const billing = bill(history, now)
  const { known, lines } = billing
  const invoices = [...ofKind(known, 'invoice_created'), ...billing.own].map((created) =>
    invoiceOf(known, lines, created),
  )
  const windows = windowPictures(billing, now)
  const rest = (only: (due: DuePicture) => boolean) =>
    sum(
      windows
        .flatMap(({ dues }) => dues)
        .filter(only)
        .map(({ dueCents, chargedCents }) => dueCents - chargedCents),
    )
  const overdue = failed(invoices)
  return {
    windows,
    lines,
    invoices,
    records: recordPictures(billing, invoices, now),
    heldCents: rest(({ held, unpriced }) => held && !unpriced),
    unpricedCents: rest(({ unpriced }) => unpriced),
    creditCents: -rest(
      ({ held, unpriced, dueCents, chargedCents }) => !held && !unpriced && dueCents < chargedCents,
    ),
    nextInvoiceAmountCents: nextInvoiceAmountCents(billing, now),
    isDelinquent: overdue.length > 0,
    outstandingCents: sum(overdue.map(({ outstandingCents }) => outstandingCents)),
    access: accessOf(currentSubscription(billing, now), invoices, now, graceDays),
    secondSubscriptions: secondSubscriptions(known, now),
    unknownInvoices: unknownInvoices(known, invoices),
    summary: (period) => summaryOf(billing, invoices, period, now),
  }
}

function secondSubscriptions(known: readonly Entry[], now: Instant): string[] {
  const open = windowsOf(known, now).findLast(({ closesAt }) => closesAt > now)?.subscription.id
  return subscriptionsOf(known)
    .filter((subscription) => firstLive(subscription) !== undefined && endOf(subscription) === undefined)
    .map(({ id }) => id)
    .filter((id) => id !== open)
}

function unknownInvoices(known: readonly Entry[], invoices: readonly Invoice[]): string[] {
  const named = known.flatMap((entry) => ('invoice' in entry ? [entry.invoice] : []))
  return [...new Set(named)].filter((name) => !invoices.some(({ invoice }) => invoice === name))
}
