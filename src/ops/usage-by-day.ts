import { sql } from 'kysely'
import { z } from 'zod'
import { partsOf } from '../charges/quantities.ts'
import type { Reader } from '../db/tables.ts'
import { levels, type UsageType, usageTypes } from '../db/usage-types.ts'

/** Quantities in decimal: a day's level with what was added to it, or what was counted in it. */
export const UsageDay = z.object({
  day: z.string().meta({ format: 'date' }),
  usage_type: z.enum(usageTypes),
  quantity: z.string(),
})
export type UsageDay = z.infer<typeof UsageDay>

const dayMs = 86_400_000
const shownDays = 35

/** The usage of the last 35 days, UTC, without what is voided; days and types without any are left out. Costs the same however much there is. */
export async function usageByDay(reader: Reader, tenantId: string, now: Date): Promise<UsageDay[]> {
  const today = Date.parse(now.toISOString().slice(0, 10))
  const days = Array.from({ length: shownDays + 1 }, (_, index) => dayOf(today - (shownDays - index) * dayMs))
  const [first = ''] = days
  const shown = await incrementsSince(reader, tenantId, first)
  const setDays = await daysWithSets(reader, tenantId, first)
  const leveled = await typesWithSets(reader, tenantId)
  // A level stands on days without a record too. Of what was set otherwise, only its day is another sum.
  const exactly = [
    ...leveled.flatMap((usage_type) => days.map((day) => ({ usage_type, day }))),
    ...setDays.filter(({ usage_type }) => !leveled.includes(usage_type)),
  ]
  for (const { usage_type, day } of exactly)
    shown.set(`${day} ${usage_type}`, await quantityOf(reader, tenantId, usage_type, day))
  return days.flatMap((day) =>
    usageTypes.toSorted().flatMap((usage_type) => {
      const quantity = shown.get(`${day} ${usage_type}`) ?? 0n
      return quantity === 0n ? [] : [{ day, usage_type, quantity: String(quantity) }]
    }),
  )
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10)

/** By day and type. */
async function incrementsSince(reader: Reader, tenantId: string, day: string): Promise<Map<string, bigint>> {
  const { rows } = await sql<{ day: string; usage_type: UsageType; quantity: string }>`
    select substr(starts_at, 1, 10) as day, usage_type, cast(sum(cast(quantity as bigint)) as text) as quantity
    from billing_usage_sums
    where tenant_id = ${tenantId} and usage_type in (${sql.join(usageTypes)}) and scale = 'hour' and starts_at >= ${day}
    group by 1, 2`.execute(reader)
  return new Map(rows.map((row) => [`${row.day} ${row.usage_type}`, BigInt(row.quantity)]))
}

async function daysWithSets(reader: Reader, tenantId: string, day: string) {
  const { rows } = await sql<{ day: string; usage_type: UsageType }>`
    select distinct substr(occurred_at, 1, 10) as day, usage_type from billing_usage_records
    where tenant_id = ${tenantId} and usage_type in (${sql.join(usageTypes)}) and occurred_at >= ${day}
      and action = 'set' and voided_at is null`.execute(reader)
  return rows
}

async function typesWithSets(reader: Reader, tenantId: string): Promise<UsageType[]> {
  const types: UsageType[] = []
  for (const level of levels) {
    const set = await reader
      .selectFrom('billing_usage_records')
      .select('record_id')
      .where('tenant_id', '=', tenantId)
      .where('usage_type', '=', level)
      .where(sql<boolean>`action = 'set' and voided_at is null`)
      .limit(1)
      .executeTakeFirst()
    if (set !== undefined) types.push(level)
  }
  return types
}

/** As if the day were a month of its own. */
async function quantityOf(reader: Reader, tenantId: string, type: UsageType, day: string): Promise<bigint> {
  const startsAt = `${day}T00:00:00.000Z`
  const endsAt = new Date(Date.parse(startsAt) + dayMs).toISOString()
  const window = { startsAt, endsAt, countsFrom: startsAt, isTrial: false, claimed: [], pauses: [] }
  const parts = await partsOf(reader, tenantId, type, window, [])
  return parts.reduce((sum, { quantity }) => sum + quantity, 0n)
}
