import type { Instant, UsageRecord } from './history.ts'
import { homesOf } from './homes.ts'
import type { Invoice } from './invoices.ts'
import { type Line, linesOf } from './lines.ts'
import type { Billing } from './making.ts'
import { type Window, windowsOf } from './windows.ts'

export interface RecordPicture {
  readonly record: string
  /** The start of its window; null in none. */
  readonly window: Instant | null
  readonly invoice: string | null
  readonly billedAt: Instant | null
}

export function recordPictures(
  { known, lines }: Billing,
  invoices: readonly Invoice[],
  now: Instant,
): RecordPicture[] {
  return homesOf(known, windowsOf(known, now)).flatMap(({ window, records }) =>
    records.map((record) => {
      const invoice = (window && lineOf(lines, window, record)?.invoice) ?? null
      const billedAt = invoices.find((other) => other.invoice === invoice)?.paidAt ?? null
      return { record: record.record, window: window?.start ?? null, invoice, billedAt }
    }),
  )
}

/** The first line of a record's window and type that stands and had counted the record. */
export function lineOf(lines: readonly Line[], window: Window, record: UsageRecord): Line | undefined {
  return linesOf(lines, window.subscription.id, window.start, record.type).find(
    ({ chargedCents, uptoPosition }) => chargedCents !== 0n && uptoPosition >= record.position,
  )
}
