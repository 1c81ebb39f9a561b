import { type AppContext, requireStripe } from '../context.ts'
import { ingest } from './ingest.ts'

/** Events can become visible a little after their own time. */
const overlapSeconds = 600
/** How long Stripe keeps events. */
const retentionSeconds = 30 * 24 * 3600

/**
 * Takes in the events that no webhook has brought, as after an outage longer than Stripe's three days of retries.
 * @returns how many were new
 */
export async function sweepEvents(context: AppContext): Promise<number> {
  const now = Math.floor(context.now().getTime() / 1000)
  const last = await context.db.reader
    .selectFrom('stripe_events')
    .select((eb) => eb.fn.max('created_at').as('created_at'))
    .executeTakeFirst()
  const since = last?.created_at
    ? Math.floor(Date.parse(last.created_at) / 1000) - overlapSeconds
    : now - overlapSeconds
  const events = await requireStripe(context).eventsSince(Math.max(since, now - retentionSeconds))
  let added = 0
  for (const event of events) if ((await ingest(context, event)) !== 'duplicate') added += 1
  return added
}
