import { flag, type Row, type Trx } from '../db/tables.ts'
import { canonicalJson } from '../log/canonical-json.ts'
import { personalOf } from '../log/subject.ts'
import { forget, type Projection } from './projection.ts'
import { saveRow } from './save-row.ts'

const personalColumns = ['idempotency_key', 'metadata']

/**
 * What was used. A record is on no invoice, then on one (`invoice_id`), which is its own until Stripe refuses the line or
 * the invoice is voided, and billed (`billed_at`) once that is paid. `invoices` calls `billUsage` and `releaseUsage`.
 */
export const usageRecords: Projection = {
  table: 'billing_usage_records',
  primaryKey: 'record_id',
  personalColumns,
  on: {
    ...forget('billing_usage_records', personalColumns),
    'usage.recorded': async (trx, fact) => {
      const { data, position } = fact
      if (fact.tenant_id === null) return
      const personal = await personalOf(trx, fact)
      await saveRow(
        trx,
        'billing_usage_records',
        'record_id',
        {
          record_id: data.record_id,
          tenant_id: fact.tenant_id,
          usage_type: data.usage_type,
          action: data.action,
          quantity: data.quantity,
          occurred_at: fact.occurred_at,
          recorded_at: fact.recorded_at,
          idempotency_key: personal?.idempotency_key ?? null,
          metadata: personal === null ? null : canonicalJson(personal.metadata),
          is_late: flag(data.is_late),
          invoice_id: null,
          billed_at: null,
          voided_at: null,
          position,
          last_position: position,
        },
        'kept',
      )
    },
    'usage.voided': async (trx, fact) => {
      await trx
        .updateTable('billing_usage_records')
        .set({ voided_at: fact.occurred_at, last_position: fact.position })
        .where('record_id', '=', fact.data.record_id)
        .where('tenant_id', '=', fact.tenant_id)
        .where('voided_at', 'is', null)
        .execute()
    },
    'usage.invoiced': async (trx, { tenant_id, data, position }) => {
      const recordIds = data.lines.flatMap((line) => line.record_ids)
      // SQLite takes 32,766 parameters in a statement.
      for (let start = 0; start < recordIds.length; start += 1000)
        await trx
          .updateTable('billing_usage_records')
          .set({ invoice_id: data.invoice_id, last_position: position })
          .where('tenant_id', '=', tenant_id)
          .where('record_id', 'in', recordIds.slice(start, start + 1000))
          .where('invoice_id', 'is', null)
          .execute()
    },
    'usage.line_missed': async (trx, { tenant_id, data, position }) => {
      if (tenant_id === null || data.line === 'base') return
      // The payment may have been told before the refusal: what was not on the invoice was not paid.
      await taken(trx, { tenant_id, invoice_id: data.invoice_id, last_position: position })
        .where('usage_type', '=', data.line)
        .execute()
    },
  },
}

type OnInvoice = Pick<Row<'billing_invoices'>, 'invoice_id' | 'tenant_id' | 'last_position'>

/** The invoice was voided or deleted: what was on it goes on the next one. */
export async function releaseUsage(trx: Trx, invoice: OnInvoice): Promise<void> {
  await taken(trx, invoice).execute()
}

const taken = (trx: Trx, { tenant_id, invoice_id, last_position }: OnInvoice) =>
  trx
    .updateTable('billing_usage_records')
    .set({ invoice_id: null, billed_at: null, last_position })
    .where('tenant_id', '=', tenant_id)
    .where('invoice_id', '=', invoice_id)

/**
 * Marks as billed what an invoice that has just become paid bills: the records that were put on it before. Where nobody
 * here has put any on it, somebody else may have: then the tenant's records in [period_start, period_end) that are on no
 * invoice and not voided, but only for a renewal or a manual invoice, over more than zero, that is not `isOfPlanAlone`.
 * What is recorded after the payment waits for the next invoice.
 */
export async function billUsage(
  trx: Trx,
  invoice: Pick<
    Row<'billing_invoices'>,
    | 'invoice_id'
    | 'tenant_id'
    | 'period_start'
    | 'period_end'
    | 'total_cents'
    | 'amount_paid_cents'
    | 'paid_at'
    | 'last_position'
    | 'updated_at'
    | 'billing_reason'
    | 'usage_invoiced_at'
  >,
  { isOfPlanAlone }: { isOfPlanAlone: boolean },
): Promise<void> {
  const billed = {
    invoice_id: invoice.invoice_id,
    billed_at: invoice.paid_at ?? invoice.updated_at,
    last_position: invoice.last_position,
  }
  await trx
    .updateTable('billing_usage_records')
    .set(billed)
    .where('tenant_id', '=', invoice.tenant_id)
    .where('invoice_id', '=', invoice.invoice_id)
    .where('billed_at', 'is', null)
    .execute()
  if (invoice.usage_invoiced_at !== null || isOfPlanAlone) return
  if (!['subscription_cycle', 'manual', null].includes(invoice.billing_reason)) return
  if (invoice.amount_paid_cents <= 0 && invoice.total_cents <= 0) return
  if (invoice.period_start === null || invoice.period_end === null) return
  await trx
    .updateTable('billing_usage_records')
    .set(billed)
    .where('tenant_id', '=', invoice.tenant_id)
    .where('invoice_id', 'is', null)
    .where('voided_at', 'is', null)
    .where('occurred_at', '>=', invoice.period_start)
    .where('occurred_at', '<', invoice.period_end)
    .execute()
}
