import { randomUUID } from 'node:crypto'
import type Stripe from 'stripe'
import { type AppContext, requireStripe } from '../context.ts'
import type { Database } from '../db/database.ts'
import type { Trx } from '../db/tables.ts'
import { enqueue } from '../effects/outbox.ts'
import type { EffectHandler } from '../effects/runner.ts'
import { streams } from '../log/facts.ts'
import { enqueueRefresh } from './enqueue-refresh.ts'

/** Events can become visible a little after their own time. */
const overlapSeconds = 600
/** How long Stripe keeps events. */
const retentionSeconds = 30 * 24 * 3600
const everyMs = 3_600_000
const kind = 'sweep_events'

/**
 * Takes in the events that no webhook has brought since the last sweep that succeeded, as after an outage longer than
 * Stripe's three days of retries, and asks for the next sweep. After more than Stripe keeps, every object that
 * can still change is asked for by itself.
 * @param take takes one event in; what it does not take keeps the others from nothing, and the sweep is repeated
 */
export const sweepEvents = (
  context: Pick<AppContext, 'stripe' | 'now' | 'log'>,
  take: (event: Stripe.Event) => Promise<string>,
): EffectHandler => ({
  async run({ params }) {
    const startedAt = unixSeconds(context.now())
    const since = Math.max(Number(params.since), startedAt - retentionSeconds)
    let added = 0
    let failure: { cause: unknown } | undefined
    for (const event of await requireStripe(context).eventsSince(since)) {
      try {
        if ((await take(event)) !== 'duplicate') added += 1
      } catch (error) {
        context.log.error({ err: error, event_id: event.id }, 'an event cannot be taken in')
        failure ??= { cause: error }
      }
    }
    if (added > 0) context.log.info({ added }, 'events that no webhook had brought')
    if (failure !== undefined) throw failure.cause
    return startedAt
  },

  async done(trx: Trx, { effectId, params }, startedAt: number, now: string) {
    if (Number(params.since) < startedAt - retentionSeconds) await askForEach(trx, effectId, now)
    await trx.deleteFrom('effects').where('kind', '=', kind).where('status', '=', 'done').execute()
    const dueAt = new Date(Date.parse(now) + everyMs).toISOString()
    await ask(trx, startedAt - overlapSeconds, dueAt, now)
  },
})

/** A sweep is due now: the one that is waiting, which knows since when, or a first one since the last event. */
export async function scheduleSweep(db: Database, time: Date): Promise<void> {
  const now = time.toISOString()
  await db.transact(async (trx) => {
    const waiting = await trx
      .updateTable('effects')
      .set({ due_at: now, updated_at: now })
      .where('kind', '=', kind)
      .where('status', '=', 'pending')
      .executeTakeFirst()
    if (waiting.numUpdatedRows > 0n) return
    const last = await trx
      .selectFrom('stripe_events')
      .select((eb) => eb.fn.max('created_at').as('created_at'))
      .executeTakeFirst()
    await ask(trx, unixSeconds(new Date(last?.created_at ?? time)) - overlapSeconds, now, now)
  })
}

const ask = (trx: Trx, since: number, dueAt: string, now: string) =>
  enqueue(
    trx,
    { effectId: `sweep:${randomUUID()}`, tenantId: null, stream: streams.stripe, kind, params: { since } },
    dueAt,
    now,
  )

async function askForEach(trx: Trx, cause: string, now: string): Promise<void> {
  const customers = trx
    .selectFrom('billing_customers')
    .select(['customer_id as objectId', 'tenant_id as tenantId'])
    .where('is_deleted', '=', 0)
  const subscriptions = trx
    .selectFrom('billing_subscriptions')
    .select(['subscription_id as objectId', 'tenant_id as tenantId'])
    .where('status', 'not in', ['canceled', 'incomplete_expired'])
  const invoices = trx
    .selectFrom('billing_invoices')
    .select(['invoice_id as objectId', 'tenant_id as tenantId'])
    .where('status', 'in', ['draft', 'open', 'uncollectible'])
  for (const [objectType, rows] of [
    ['customer', await customers.execute()],
    ['subscription', await subscriptions.execute()],
    ['invoice', await invoices.execute()],
  ] as const)
    for (const row of rows) await enqueueRefresh(trx, { objectType, ...row }, cause, now)
}

const unixSeconds = (time: Date) => Math.floor(time.getTime() / 1000)
