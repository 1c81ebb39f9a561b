import type { UsageType } from '../db/usage-types.ts'
import type { CountedDue } from '../log/charge-facts.ts'
import type { Line, Window } from './known.ts'

/** What one window owes for one type. */
export type Due = {
  window: Window
  type: UsageType
  quantity: bigint
  cents: bigint
  state: CountedDue['state']
}

/** Due less charged: what is to be asked for, or below zero given back. Never zero. */
export type Difference = { due: Due; cents: bigint }

/** The most that Stripe takes as one amount, https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts */
export const largestCents = 99_999_999n

export const linesOf = (lines: readonly Line[], { window, type }: Pick<Due, 'window' | 'type'>) =>
  lines.filter(({ window_id, usage_type }) => window_id === window.window_id && usage_type === type)

/**
 * What counts as charged. What an operator forgave counts up to what is due and no further: a record that is voided afterwards is no
 * credit for what nobody was asked to pay.
 */
export function chargedCents(lines: readonly Line[], due: Due): bigint {
  const own = linesOf(lines, due)
  const asked = sumOf(own.filter(({ kind }) => kind !== 'forgiven'))
  const forgiven = sumOf(own.filter(({ kind }) => kind === 'forgiven'))
  const rest = due.cents > asked ? due.cents - asked : 0n
  return asked + least(forgiven, rest)
}

/** Those that can become lines. A released amount above the largest goes on several invoices. */
export function differencesOf(dues: readonly Due[], lines: readonly Line[]): Difference[] {
  return dues
    .filter(({ state }) => state === 'priced')
    .map((due) => ({ due, cents: least(due.cents - chargedCents(lines, due), largestCents) }))
    .filter(({ cents }) => cents !== 0n)
}

/**
 * What of the differences fits on an invoice beside the lines that are `onIt`: what is due, the oldest window's first, as long as the
 * whole is no more than Stripe takes, then credits in the same order as long as the sum of ours stays at zero or above; the last one
 * in part.
 * @param others the cents on it that are not ours, such as the plan
 */
export function fitting(
  differences: readonly Difference[],
  onIt: readonly Line[],
  others: bigint,
): Difference[] {
  let left = largestCents - others - lying(onIt)
  const asked = differences.map(({ due, cents }) => {
    if (cents < 0n) return { due, cents }
    const fits = least(cents, left > 0n ? left : 0n)
    left -= fits
    return { due, cents: fits }
  })
  let room = lying(onIt) + asked.reduce((sum, { cents }) => (cents > 0n ? sum + cents : sum), 0n)
  const fit = asked.map(({ due, cents }) => {
    if (cents > 0n) return { due, cents }
    const fits = -least(-cents, room)
    room += fits
    return { due, cents: fits }
  })
  return fit.filter(({ cents }) => cents !== 0n)
}

/**
 * Whether just this was asked for last, on an invoice of ours or as a credit note, and Stripe has refused it for good: it would be
 * refused again. What a draft has refused goes on another invoice.
 * @param of its kind, and of a credit note its invoice
 */
export function wasRefused(
  { due, cents }: Difference,
  lines: readonly Line[],
  of: { kind: 'item' } | { kind: 'credit_note'; invoiceId: string },
): boolean {
  const last = linesOf(lines, due).findLast(
    ({ kind, invoice_id }) => kind === of.kind && (of.kind === 'item' || invoice_id === of.invoiceId),
  )
  return last !== undefined && isRefusedForGood(last) && BigInt(last.amount_cents) === cents
}

export const isRefusedForGood = ({ refusal, kind, invoice_key, invoice_id }: Line) =>
  refusal !== null &&
  refusal !== 'taken_off' &&
  refusal !== 'rebilled' &&
  (kind === 'credit_note' || (invoice_key !== null && invoice_id !== null))

/** Without what Stripe has refused for good, as it is. */
export const newDifferences = (dues: readonly Due[], lines: readonly Line[]): Difference[] =>
  differencesOf(dues, lines).filter((difference) => !wasRefused(difference, lines, { kind: 'item' }))

/**
 * A credit after the subscription's end, as notes on the invoices that charged its window and type: the latest line first, each to what
 * is left of it. What finds no invoice that takes a note is carried on.
 */
export function notesFor(
  { due, cents }: Difference,
  lines: readonly Line[],
  takesNotes: (invoiceId: string) => boolean,
): { invoiceId: string; cents: bigint }[] {
  const own = linesOf(lines, due)
  const invoiceIds = [...new Set(own.map(({ invoice_id }) => invoice_id).reverse())]
  let left = -cents
  return invoiceIds.flatMap((invoiceId) => {
    if (invoiceId === null || !takesNotes(invoiceId)) return []
    const note = least(sumOf(own.filter(({ invoice_id }) => invoice_id === invoiceId)), left)
    if (note <= 0n) return []
    left -= note
    return [{ invoiceId, cents: -note }]
  })
}

export const least = (a: bigint, b: bigint) => (a < b ? a : b)
const sumOf = (lines: readonly Line[]) =>
  lines.reduce((sum, { charged_cents }) => sum + BigInt(charged_cents), 0n)
export const lying = (lines: readonly Line[]) =>
  lines.reduce((sum, { item_cents }) => sum + BigInt(item_cents), 0n)
