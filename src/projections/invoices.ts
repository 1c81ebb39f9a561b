import type Stripe from 'stripe'
import type { Row, Trx } from '../db/tables.ts'
import { isStub, mirrorOf } from './deletable.ts'
import { isoTime, onStripeObject, type Projection, type Sighting, supersedes } from './projection.ts'
import { idOf, integerOf, textOf, timeOf } from './read-value.ts'
import { sameRow, saveRow } from './save-row.ts'
import { billUsage } from './usage-records.ts'

/**
 * Statuses go one way: draft, open, uncollectible, then paid or void; within one, the newer sighting is shown. A draft
 * that was deleted has the status `deleted`. The period is the invoice's own, in which the usage that it bills
 * occurred; its lines' period is the time ahead, which a subscription's price is paid for. `payment_failed_at` is
 * since when payment has been failing, null once the invoice is settled.
 */
export const invoices: Projection = {
  table: 'billing_invoices',
  primaryKey: 'invoice_id',
  on: onStripeObject('invoice', show),
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
  const next = nextInvoice(sighting, row, columnsOf(sighting, invoiceId, tenantId))
  if (sameRow(next, row)) return
  await saveRow(trx, 'billing_invoices', 'invoice_id', { ...next, last_position: sighting.position })
  if (next.status === 'paid' && row?.status !== 'paid')
    await billUsage(trx, { ...next, last_position: sighting.position })
}

type Invoice = Row<'billing_invoices'>

function nextInvoice(sighting: Sighting<'invoice'>, row: Invoice | undefined, shown: Invoice): Invoice {
  const isDeleted = sighting.isDeleted || row?.status === 'deleted'
  const columns = row === undefined || replaces(sighting, row, shown, isDeleted) ? shown : row
  const status = isDeleted ? 'deleted' : columns.status
  const failures = [row?.payment_failed_at, shown.payment_failed_at].filter(
    (time) => typeof time === 'string',
  )
  return {
    ...columns,
    status,
    payment_failed_at: rankOf(status) === settled ? null : (failures.sort()[0] ?? null),
  }
}

function replaces(sighting: Sighting<'invoice'>, row: Invoice, shown: Invoice, isDeleted: boolean): boolean {
  if (isStub(sighting)) return false
  const step = isDeleted ? 0 : rankOf(shown.status) - rankOf(row.status)
  return step === 0 ? supersedes(sighting, row) : step > 0
}

const settled = 3
const ranks: Record<string, number> = { draft: 0, open: 1, uncollectible: 2 }
function rankOf(status: string): number {
  return ranks[status] ?? settled
}

function columnsOf(sighting: Sighting<'invoice'>, invoice_id: string, tenant_id: string): Invoice {
  const { object, eventType, asOf } = sighting
  const attemptCount = integerOf(object.attempt_count) ?? 0
  const hasFailed =
    eventType === 'invoice.payment_failed' ||
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
    attempt_count: attemptCount,
    payment_failed_at: hasFailed ? isoTime(asOf) : null,
    period_start: timeOf(object.period_start),
    period_end: timeOf(object.period_end),
    due_at: timeOf(object.due_date),
    paid_at: timeOf(object.status_transitions?.paid_at),
    hosted_invoice_url: textOf(object.hosted_invoice_url),
    ...mirrorOf(sighting),
  }
}

function subscriptionOf(object: Stripe.Invoice): string | null {
  return idOf(object.parent?.subscription_details?.subscription)
}
