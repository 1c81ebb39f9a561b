import { sql } from 'kysely'
import { prepared } from '../db/prepared.ts'
import type { Trx } from '../db/tables.ts'
import type { Projection } from './projection.ts'

/**
 * What was incremented, by the minute and by the hour in which it occurred, less what is voided; a sum that has become 0
 * stays. A window is added up from these, however many records it has.
 */
export const usageSums: Projection = {
  table: 'billing_usage_sums',
  primaryKey: 'sum_id',
  runs: {
    'usage.recorded': async (trx, run) => {
      const additions = new Map<string, Addition>()
      for (const { tenant_id, data, occurred_at, position } of run) {
        if (tenant_id === null || data.action !== 'increment') continue
        const { usage_type } = data
        const minute = minuteOf(occurred_at)
        const key = `${tenant_id}:${usage_type}:${minute}`
        const quantity = BigInt(data.quantity) + (additions.get(key)?.quantity ?? 0n)
        // What came last of a minute is set last: an hour's row names the last fact too.
        additions.delete(key)
        additions.set(key, { tenant_id, usage_type, minute, quantity, position })
      }
      for (const addition of additions.values()) await add(trx, addition)
    },
  },
  on: {
    'usage.voided': async (trx, { tenant_id, data, position }) => {
      const row = await trx
        .selectFrom('billing_usage_records')
        .select(['tenant_id', 'usage_type', 'action', 'quantity', 'occurred_at'])
        .where('record_id', '=', data.record_id)
        .where('tenant_id', '=', tenant_id)
        // This fact voided it, and not one before.
        .where('last_position', '=', position)
        .executeTakeFirst()
      if (row?.action !== 'increment') return
      await add(trx, { ...row, minute: minuteOf(row.occurred_at), quantity: BigInt(-row.quantity), position })
    },
  },
}

type Addition = {
  tenant_id: string
  usage_type: string
  /** UTC ISO 8601. */
  minute: string
  quantity: bigint
  position: number
}

const minuteOf = (time: string) => `${time.slice(0, 16)}:00.000Z`

async function add(trx: Trx, addition: Addition): Promise<void> {
  const { tenant_id, usage_type, minute, quantity, position } = addition
  const hour = `${minute.slice(0, 13)}:00:00.000Z`
  const idOf = (scale: 'minute' | 'hour', starts_at: string) =>
    `${tenant_id}:${usage_type}:${scale}:${starts_at}`
  await addTo(trx, {
    ...{ tenant_id, usage_type, position, minute, hour },
    quantity: String(quantity),
    minuteId: idOf('minute', minute),
    hourId: idOf('hour', hour),
  })
}

type Sums = Record<
  'tenant_id' | 'usage_type' | 'quantity' | 'minute' | 'minuteId' | 'hour' | 'hourId',
  string
>

const addTo = prepared((_, sums: Sums & { position: number }) => {
  const { tenant_id, usage_type, quantity, position } = sums
  return sql`insert into billing_usage_sums
      (sum_id, tenant_id, usage_type, scale, starts_at, quantity, last_position)
    values (${sums.minuteId}, ${tenant_id}, ${usage_type}, 'minute', ${sums.minute}, ${quantity}, ${position}),
      (${sums.hourId}, ${tenant_id}, ${usage_type}, 'hour', ${sums.hour}, ${quantity}, ${position})
    on conflict (sum_id) do update set
      quantity = cast(
        cast(billing_usage_sums.quantity as bigint) + cast(excluded.quantity as bigint) as text),
      last_position = excluded.last_position`
})
