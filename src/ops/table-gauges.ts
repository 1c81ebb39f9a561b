import type { Reader } from '../db/tables.ts'
import { lastPosition } from '../log/read.ts'

export type TableGauges = {
  logPosition: number
  effectsByStatus: Record<string, number>
  webhooksByDisposition: Record<string, number>
}

/** Counts for /metrics, taken from the tables at the moment. */
export async function tableGauges(reader: Reader): Promise<TableGauges> {
  const effects = await reader
    .selectFrom('effects')
    .select((eb) => ['status as label', eb.fn.countAll<number>().as('count')])
    .groupBy('status')
    .execute()
  const webhooks = await reader
    .selectFrom('stripe_events')
    .select((eb) => ['disposition as label', eb.fn.countAll<number>().as('count')])
    .groupBy('disposition')
    .execute()
  return {
    logPosition: await lastPosition(reader),
    effectsByStatus: byLabel(effects),
    webhooksByDisposition: byLabel(webhooks),
  }
}

const byLabel = (rows: { label: string; count: number }[]) =>
  Object.fromEntries(rows.map(({ label, count }) => [label, Number(count)]))
