import { flag, type Row, type Trx } from '../db/tables.ts'
import { canonicalJson } from '../log/canonical-json.ts'
import type { Projection } from './projection.ts'
import { saveRow } from './save-row.ts'

/** What was used. `billUsage` marks what an invoice bills; `invoices` calls it. */
export const usageRecords: Projection = {
  table: 'billing_usage_records',
  primaryKey: 'record_id',
  on: {
    'usage.recorded': async (trx, fact) => {
      const { data, position } = fact
      if (fact.tenant_id === null) return
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
          idempotency_key: data.idempotency_key,
          metadata: canonicalJson(data.metadata),
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
  },
}

/**
 * Marks as billed what an invoice that has just become paid bills: the records that were put on it before, and the
 * tenant's records in [period_start, period_end) that are on no invoice and not voided. An invoice of zero, such as
 * a trial's first, has no usage on it and marks none. What is recorded after the payment waits for the next invoice.
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
  >,
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
