import { z } from 'zod'
import { pickFields, timeOut } from '../db/fields.ts'
import { type Page, type PageQuery, pageOf } from '../db/page.ts'
import type { Reader } from '../db/tables.ts'
import { type UsageType, usageTypes } from '../db/usage-types.ts'
import { assertKnownTenant } from '../projections/tenants.ts'
import { UsageRecord } from './record.ts'

/** A record and what has become of it. */
export const UsageRecordStanding = UsageRecord.extend({
  voided_at: timeOut.nullable(),
  window_start: timeOut.nullable().meta({
    description:
      'The service month that it counts in; null: none, as without a subscription, and once voided',
  }),
  invoice_id: z.string().nullable().meta({
    description: 'Of the first line of its month and type that stands and had counted it',
  }),
  billed_at: timeOut.nullable().meta({ description: 'When that invoice was paid' }),
}).meta({ id: 'UsageRecordStanding' })
export type UsageRecordStanding = z.infer<typeof UsageRecordStanding>

/**
 * What occurred in the half-open period, voided records too, latest first.
 * @param period by default of all times
 * @throws NotFound; InvalidRequest on `cursor`
 */
export async function listUsageRecords(
  reader: Reader,
  tenantId: string,
  period: { start?: string | undefined; end?: string | undefined },
  query: PageQuery,
): Promise<Page<UsageRecordStanding>> {
  await assertKnownTenant(reader, tenantId)
  const { items, next_cursor } = await pageOf(
    recordsOf(reader, tenantId, period),
    query,
    'position',
    (row) => row,
  )
  const billing = await billingOf(
    reader,
    items.map(({ record_id }) => record_id),
  )
  return {
    next_cursor,
    items: items.map((row) => ({
      ...pickFields(UsageRecord, row),
      is_late: row.is_late === 1,
      metadata: JSON.parse(row.metadata ?? '{}'),
      voided_at: row.voided_at,
      window_start: billing.get(row.record_id)?.window_start ?? null,
      invoice_id: billing.get(row.record_id)?.invoice_id ?? null,
      billed_at: billing.get(row.record_id)?.billed_at ?? null,
    })),
  }
}

/** By types: each is read in the order of time by the index that the months are counted by, and no more than a page of it. */
function recordsOf(
  reader: Reader,
  tenantId: string,
  { start, end }: { start?: string | undefined; end?: string | undefined },
) {
  const ofType = (type: UsageType) =>
    reader
      .selectFrom('billing_usage_records')
      .selectAll()
      .select('occurred_at as created_at')
      .$narrowType<{ usage_type: UsageType }>()
      .where('tenant_id', '=', tenantId)
      .where('usage_type', '=', type)
      .where('occurred_at', '>=', start ?? '')
      .where('occurred_at', '<', end ?? '9999')
  const [first, ...others] = usageTypes
  const all = others.reduce((union, type) => union.unionAll(ofType(type)), ofType(first))
  return reader.selectFrom(all.as('records')).selectAll()
}

async function billingOf(reader: Reader, recordIds: string[]) {
  if (recordIds.length === 0) return new Map<string, never>()
  const rows = await reader
    .selectFrom('usage_billing as b')
    .leftJoin('billing_windows as w', 'w.window_id', 'b.window_id')
    .select(['b.record_id', 'w.starts_at as window_start', 'b.invoice_id', 'b.billed_at'])
    .where('b.record_id', 'in', recordIds)
    .execute()
  return new Map(rows.map((row) => [row.record_id, row]))
}
