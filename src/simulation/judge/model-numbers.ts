import { type Picture, totalCents, usageTypes } from '../model.ts'
import { lineNames, type Numbers, nothing, textOr, timeText, windowName } from './numbers.ts'

/** A span of time whose usage is compared, unix milliseconds. */
export type Period = { start: number; end: number }

/** The numbers as the model has them. */
export function modelNumbers(picture: Picture, periods: readonly Period[]): Numbers {
  const numbers: Numbers = new Map()
  addWindows(numbers, picture)
  addLines(numbers, picture)
  for (const invoice of picture.invoices) {
    const name = `invoice ${invoice.invoice}`
    numbers.set(`${name} status`, invoice.status)
    numbers.set(`${name} total`, String(invoice.totalCents))
    numbers.set(`${name} credited`, String(invoice.creditedCents))
    numbers.set(`${name} from balance`, String(invoice.balanceCents))
    if (invoice.status !== 'draft') numbers.set(`${name} outstanding`, String(invoice.outstandingCents))
  }
  for (const { record, invoice, billedAt } of picture.records) {
    numbers.set(`record ${record} invoice`, invoice ?? nothing)
    numbers.set(`record ${record} is billed`, String(billedAt !== null))
  }
  numbers.set('status next_invoice_amount_cents', textOr(picture.nextInvoiceAmountCents))
  numbers.set('status is_delinquent', String(picture.isDelinquent))
  numbers.set('access', `${picture.access.access} until ${timeText(picture.access.until)}`)
  numbers.set('status outstanding_balance_cents', String(picture.outstandingCents))
  for (const period of periods) addSummary(numbers, picture, period)
  return numbers
}

function addWindows(numbers: Numbers, { windows }: Picture): void {
  for (const { subscription, start, end, trial, closed, dues } of windows) {
    const name = windowName(subscription, start)
    numbers.set(name, `to ${timeText(end)}${trial ? ', trial' : ''}${closed ? ', closed' : ''}`)
    for (const { type, quantity, dueCents, chargedCents, held, unpriced } of dues) {
      if (chargedCents !== 0n) numbers.set(`${name} ${type} charged`, String(chargedCents))
      if (!closed || dueCents === 0n) continue
      numbers.set(`${name} ${type} due`, String(dueCents))
      numbers.set(`${name} ${type} quantity`, String(quantity))
      numbers.set(`${name} ${type} state`, unpriced ? 'unpriced' : held ? 'held' : 'priced')
    }
  }
}

function addLines(numbers: Numbers, { lines }: Picture): void {
  const nameOf = lineNames()
  for (const line of lines) {
    const { cents, itemCents, chargedCents, creditNote, invoice } = line
    const on = invoice === null ? 'forgiven' : creditNote ? `noted on ${invoice}` : `on ${invoice}`
    numbers.set(
      nameOf(windowName(line.subscription, line.window), line.type),
      `${cents} ${on}, item ${itemCents}, charged ${chargedCents}`,
    )
  }
}

function addSummary(numbers: Numbers, { summary }: Picture, period: Period): void {
  const amounts = summary(period)
  for (const type of usageTypes) {
    const name = `summary ${timeText(period.start)}/${timeText(period.end)} ${type}`
    const { quantity, billedCents, unbilledCents, forgivenCents } = amounts[type]
    numbers.set(
      name,
      `${quantity}: ${totalCents(amounts[type])} = ${billedCents} billed + ${unbilledCents} unbilled + ${forgivenCents} forgiven`,
    )
  }
}
