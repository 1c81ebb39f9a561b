import { z } from 'zod'
import type { AppContext } from '../context.ts'
import { timeOut } from '../db/fields.ts'
import { tableGauges } from './table-gauges.ts'

const counts = z.record(z.string(), z.int())

export const Overview = z.object({
  log_position: z.int(),
  effects: counts.meta({ description: 'Calls to Stripe, by status' }),
  retrying: z
    .object({
      count: z.int(),
      since: timeOut.nullable().meta({ description: 'When the oldest was asked for' }),
      last_error: z.string().nullable(),
    })
    .meta({ description: 'Pending calls that have failed at least once' }),
  timers: z.int().meta({ description: 'What waits for its time alone' }),
  webhooks: counts,
  stripe: z.object({ requests: z.int(), errors: z.int() }).nullable().meta({
    description:
      'Requests of this instance in the last five minutes; errors: no answer, a 5xx, a rate limit, a key that is not accepted. null: switched off',
  }),
})
export type Overview = z.infer<typeof Overview>

/** How far the log is, how the calls to Stripe go, and what became of its webhooks. */
export async function overview({
  db,
  stripe,
  now,
}: Pick<AppContext, 'db' | 'stripe' | 'now'>): Promise<Overview> {
  const { logPosition, effectsByStatus, timers, retrying, webhooksByDisposition } = await tableGauges(
    db.reader,
    now(),
  )
  return {
    log_position: logPosition,
    effects: effectsByStatus,
    retrying: { count: retrying.count, since: retrying.since, last_error: retrying.last_error },
    timers,
    webhooks: webhooksByDisposition,
    stripe: stripe?.tally.recent() ?? null,
  }
}
