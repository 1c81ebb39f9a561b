import type { Reader } from '../db/tables.ts'
import { lastPosition } from '../log/read.ts'
import { delinquentCents } from './failing-payments.ts'
import { type MoneyGauges, moneyGauges } from './money-gauges.ts'
import { type OutboxGauges, outboxGauges } from './outbox-gauges.ts'

type TableGauges = OutboxGauges &
  MoneyGauges & {
    logPosition: number
    webhooksByDisposition: Record<string, number>
    tenantsByAccess: Record<string, number>
    /** By currency. */
    delinquentCents: Record<string, number>
  }

/** Counts for /metrics and the overview, taken from the tables at the moment. */
export async function tableGauges(reader: Reader, now: Date): Promise<TableGauges> {
  const webhooks = await reader
    .selectFrom('stripe_events')
    .select((eb) => ['disposition', eb.fn.countAll<number>().as('count')])
    .groupBy('disposition')
    .execute()
  const tenants = await reader
    .selectFrom('billing_access')
    .select((eb) => ['access', eb.fn.countAll<number>().as('count')])
    .groupBy('access')
    .execute()
  return {
    tenantsByAccess: Object.fromEntries(tenants.map(({ access, count }) => [access, Number(count)])),
    delinquentCents: await delinquentCents(reader, now),
    ...(await outboxGauges(reader)),
    ...(await moneyGauges(reader)),
    logPosition: await lastPosition(reader),
    webhooksByDisposition: Object.fromEntries(
      webhooks.map(({ disposition, count }) => [disposition, Number(count)]),
    ),
  }
}
