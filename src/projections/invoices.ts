import { isSettled, ranksFrom } from '../../machines/invoice.ts'
import type { Row, Trx } from '../db/tables.ts'
import type { Sighting } from '../log/sighting.ts'
import { keyInMetadata } from '../stripe/call.ts'
import type { StripeObjects } from '../stripe/object-types.ts'
import { isStub, mirrorOf } from './deletable.ts'
import { boundaryOf, creditedOn, movedToBalance } from './invoice-parts.ts'
import { liftDispute, noReturns, returnsOf, showReturns } from './invoice-returns.ts'
import { forget, isoTime, onStripeObject, type Projection, supersedes } from './projection.ts'
import { idOf, integerOf, memberOf, textOf, timeOf } from './read-value.ts'
import { sameRow, saveRow } from './save-row.ts'

// Whoever has that address sees the invoice, names and addresses included.
const personalColumns = ['hosted_invoice_url']

/**
 * Statuses go one way (`machines/invoice.ts`); within a rank, the newer sighting is shown. The period is the invoice's own, in which the usage that it bills
 * occurred; its lines' period is the time ahead, which a subscription's price is paid for. `payment_failed_at` is
 * since when payment has been failing, null once the invoice is settled.
 */
export const invoices: Projection = {
  table: 'billing_invoices',
  primaryKey: 'invoice_id',
  personalColumns,
  on: {
    ...onStripeObject(['invoice', 'invoice_payment'], (trx, sighting) =>
      sighting.objectType === 'invoice'
        ? show(trx, sighting as Sighting<'invoice'>)
        : showReturns(trx, sighting as Sighting<'invoice_payment'>),
    ),
    'access.dispute_lifted': liftDispute,
    ...forget('billing_invoices', personalColumns),
  },
}

async function show(trx: Trx, sighting: Sighting<'invoice'>): Promise<void> {
  const { object, tenantId } = sighting
  const invoiceId = textOf(object.id)
  if (invoiceId === null || tenantId === null) return
  const row = await trx
    .selectFrom('billing_invoices')
    .selectAll()
    .where('invoice_id', '=', invoiceId)
    .executeTakeFirst()
  const next = nextInvoice(sighting, row, columnsOf(sighting, await sighting.whole(), invoiceId, tenantId))
  if (sameRow(next, row)) return
  await saveRow(trx, 'billing_invoices', 'invoice_id', { ...next, last_position: sighting.position })
}

type Invoice = Row<'billing_invoices'>

function nextInvoice(sighting: Sighting<'invoice'>, row: Invoice | undefined, content: Invoice): Invoice {
  const isDeleted = sighting.isDeleted || row?.status === 'deleted'
  const columns = row === undefined || replaces(sighting, row, content, isDeleted) ? content : row
  const status = isDeleted ? 'deleted' : columns.status
  return {
    ...columns,
    ...returnsOf(row),
    status,
    payment_failed_at: isSettled(status) ? null : earlier(row?.payment_failed_at, content.payment_failed_at),
    boundary_at: earlier(row?.boundary_at, content.boundary_at),
  }
}

/** Of what each sighting knows alone, so that their order is all one. */
const earlier = (...times: (string | null | undefined)[]): string | null =>
  times.filter((time) => typeof time === 'string').sort()[0] ?? null

function replaces(
  sighting: Sighting<'invoice'>,
  row: Invoice,
  content: Invoice,
  isDeleted: boolean,
): boolean {
  if (isStub(sighting)) return false
  const step = isDeleted ? 0 : ranksFrom(row.status, content.status)
  return step === 0 ? supersedes(sighting, row) : step > 0
}

function columnsOf(
  sighting: Sighting<'invoice'>,
  whole: StripeObjects['invoice'] | null,
  invoice_id: string,
  tenant_id: string,
): Invoice {
  const { object, event, asOf } = sighting
  const attemptCount = integerOf(object.attempt_count) ?? 0
  const hasFailed =
    event?.type === 'invoice.payment_failed' ||
    (object.status === 'open' && object.attempted === true && attemptCount > 0)
  return {
    invoice_id,
    tenant_id,
    customer_id: idOf(object.customer) ?? '',
    subscription_id: subscriptionOf(object),
    number: textOf(object.number),
    status: textOf(object.status) ?? 'draft',
    billing_reason: textOf(object.billing_reason),
    currency: textOf(object.currency) ?? '',
    total_cents: integerOf(object.total) ?? 0,
    amount_due_cents: integerOf(object.amount_due) ?? 0,
    amount_paid_cents: integerOf(object.amount_paid) ?? 0,
    amount_remaining_cents: integerOf(object.amount_remaining) ?? 0,
    credited_cents: creditedOn(object),
    balance_cents: movedToBalance(object),
    attempt_count: attemptCount,
    payment_failed_at: hasFailed ? isoTime(asOf) : null,
    next_attempt_at: timeOf(object.next_payment_attempt),
    period_start: timeOf(object.period_start),
    period_end: timeOf(object.period_end),
    boundary_at: boundaryOf(object),
    due_at: timeOf(object.due_date),
    paid_at: timeOf(object.status_transitions?.paid_at),
    hosted_invoice_url: textOf(whole?.hosted_invoice_url),
    made_under: textOf(memberOf(object.metadata, keyInMetadata)),
    made_at: timeOf(object.created),
    ...noReturns,
    ...mirrorOf(sighting),
  }
}

function subscriptionOf(object: StripeObjects['invoice']): string | null {
  return idOf(object.parent?.subscription_details?.subscription)
}
