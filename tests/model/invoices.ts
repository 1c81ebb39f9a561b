import { sum } from './cents.ts'
import { type Entry, type Instant, type InvoiceCreation, type InvoiceOutcome, ofKind } from './history.ts'
import type { Line } from './lines.ts'

/** An invoice of ours: made, finalised and first tried at one instant. */
export interface OwnInvoice {
  readonly invoice: string
  readonly subscription: string
  readonly madeAt: Instant
}

export interface Invoice {
  readonly invoice: string
  readonly own: boolean
  readonly subscription: string | null
  readonly madeAt: Instant
  readonly status: 'draft' | 'open' | 'paid' | 'uncollectible' | 'void' | 'deleted'
  readonly totalCents: bigint
  readonly ourCents: bigint
  readonly paidCents: bigint
  readonly outstandingCents: bigint
  readonly writtenOffCents: bigint
  readonly forgivenCents: bigint
  readonly creditedCents: bigint
  /** Taken from the customer's balance, or below zero put on it. */
  readonly balanceCents: bigint
  readonly paidAt: Instant | null
  readonly firstFailureAt: Instant | null
}

/**
 * How an invoice stands. Decided: outcomes count by what they are, not by when they came (deleted, then void, paid,
 * uncollectible, open), so that a webhook before its time changes nothing; the first failure is the earliest that was told of, by Stripe's time; an invoice of ours whose lines add up to
 * nothing is paid as it is made; voiding gives back what the balance had paid; a credit note lowers what is outstanding or else what counts as paid.
 */
export function invoiceOf(
  known: readonly Entry[],
  lines: readonly Line[],
  created: InvoiceCreation | OwnInvoice,
): Invoice {
  const own = !('kind' in created)
  const { invoice } = created
  const outcomes = outcomesOf(known, invoice)
  const first = (kind: InvoiceOutcome['kind']) => outcomes.find((outcome) => outcome.kind === kind)
  const onIt = lines.filter((line) => line.invoice === invoice)
  const items = onIt.filter(({ creditNote }) => !creditNote)
  const ourCents = sum(items.map(({ itemCents }) => itemCents))
  const totalCents = first('deleted') ? 0n : ourCents + BigInt(own ? 0 : created.planCents)
  const creditedCents =
    sum(ofKind(outcomes, 'credit_note').map(({ cents }) => BigInt(cents))) -
    sum(onIt.filter(({ creditNote }) => creditNote).map(({ cents }) => cents))
  const moved = (ofKind(outcomes, 'paid')[0] ?? ofKind(outcomes, 'finalized')[0])?.balanceCents ?? 0
  const balanceCents = first('voided') ? 0n : BigInt(moved)
  const failures = ofKind(outcomes, 'payment_failed').map(({ failedAt }) => failedAt)
  const rest = totalCents - creditedCents - balanceCents
  const status = statusOf(
    new Set(outcomes.map(({ kind }) => kind)),
    own,
    own ? false : created.draft,
    totalCents,
  )
  return {
    invoice,
    own,
    subscription: created.subscription,
    madeAt: own ? created.madeAt : created.createdAt,
    status,
    totalCents,
    ourCents: first('deleted') ? 0n : ourCents,
    paidCents: status === 'paid' ? rest : 0n,
    outstandingCents: status === 'open' || status === 'draft' ? rest : 0n,
    writtenOffCents: status === 'uncollectible' ? rest : 0n,
    forgivenCents: status === 'void' ? rest : 0n,
    creditedCents,
    balanceCents,
    paidAt: status === 'paid' ? (first('paid')?.at ?? (own ? created.madeAt : created.at)) : null,
    firstFailureAt: failures.length === 0 ? null : Math.min(...failures),
  }
}

export function outcomesOf(known: readonly Entry[], invoice: string): InvoiceOutcome[] {
  return known.filter(
    (entry): entry is InvoiceOutcome =>
      'invoice' in entry && entry.kind !== 'invoice_created' && entry.invoice === invoice,
  )
}

function statusOf(
  kinds: ReadonlySet<string>,
  own: boolean,
  draft: boolean,
  total: bigint,
): Invoice['status'] {
  if (kinds.has('deleted')) return 'deleted'
  if (kinds.has('voided')) return 'void'
  if (kinds.has('paid') || (own && total === 0n)) return 'paid'
  if (kinds.has('uncollectible')) return 'uncollectible'
  return own || !draft || kinds.has('finalized') || kinds.has('payment_failed') ? 'open' : 'draft'
}
