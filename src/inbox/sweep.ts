import { randomUUID } from 'node:crypto'
import { unsettledStatuses } from '../../machines/invoice.ts'
import { endedStatuses } from '../../machines/subscription.ts'
import { type AppContext, requireStripe } from '../context.ts'
import { type EffectHandler, Unknown } from '../effects/handler.ts'
import type { Turn } from '../effects/turn.ts'
import { streams } from '../log/facts.ts'
import type { StripeEvent } from '../stripe/object-types.ts'
import { readEvent } from '../stripe/webhook.ts'
import { enqueueRefresh } from './enqueue-refresh.ts'
import { enqueueList } from './list-customer.ts'

/** Events can become visible a little after their own time. */
const overlapSeconds = 600
/** Before the first event, only our own clock says since when: it may be wrong by less than that. */
const firstLookSeconds = 3600
/** How long Stripe keeps events. */
const retentionSeconds = 30 * 24 * 3600
const everyMs = 3_600_000
const kind = 'sweep_events'

/**
 * Takes in the events that no webhook has brought since the last sweep that succeeded, as after an outage longer than
 * Stripe's three days of retries, and asks for the next sweep. All by Stripe's time: our own clock, which may be wrong,
 * says only when to look. After more than Stripe keeps, each customer's objects are listed, and every object that can
 * still change is asked for by itself.
 * @param take takes one event in; what it does not take keeps the others from nothing, and the sweep is repeated
 */
export const sweepEvents = (
  context: Pick<AppContext, 'stripe' | 'log'>,
  take: (event: StripeEvent) => Promise<string>,
): EffectHandler<'sweep_events', number> => ({
  async run({ params }) {
    const stripe = requireStripe(context)
    const startedAt = await stripe.time()
    const since = Math.min(params.since, startedAt - overlapSeconds)
    let added = 0
    let failure: { cause: unknown } | undefined
    for (const event of await stripe.eventsSince(since)) {
      if (!isReadable(event)) {
        context.log.error({ event_id: String(event.id).slice(0, 255) }, 'an event is none: it is left out')
        continue
      }
      try {
        if ((await take(event)) !== 'duplicate') added += 1
      } catch (error) {
        context.log.error({ err: error, event_id: event.id }, 'an event cannot be taken in')
        failure ??= { cause: error }
      }
    }
    if (added > 0) context.log.info({ added }, 'events that no webhook had brought')
    // Whatever it was, there is always a next sweep.
    if (failure !== undefined)
      throw new Unknown(failure.cause instanceof Error ? failure.cause : new Error('not taken in'), params)
    return startedAt
  },

  async done(turn, { effectId, params: { since } }, startedAt) {
    if (since < startedAt - retentionSeconds) await askForEach(turn, since, effectId)
    await turn.trx.deleteFrom('effects').where('kind', '=', kind).where('status', '=', 'done').execute()
    const dueAt = new Date(Date.parse(turn.now) + everyMs).toISOString()
    await ask(turn, startedAt - overlapSeconds, dueAt)
  },
})

function isReadable(event: StripeEvent): boolean {
  try {
    readEvent(event)
    return true
  } catch {
    return false
  }
}

/** A sweep is due now: the one that is waiting, which knows since when, or a first one since the last event. */
export async function scheduleSweep({ transact }: Pick<AppContext, 'transact'>): Promise<void> {
  await transact({ actor: 'startup' }, async (turn) => {
    const { trx, now } = turn
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
    const since = last?.created_at
      ? unixSeconds(new Date(last.created_at)) - overlapSeconds
      : unixSeconds(new Date(now)) - firstLookSeconds
    await ask(turn, since, now)
  })
}

const ask = (turn: Turn, since: number, dueAt: string) =>
  turn.enqueue({
    effectId: `sweep:${randomUUID()}`,
    tenantId: null,
    stream: streams.stripe,
    kind,
    params: { since },
    dueAt,
  })

async function askForEach(turn: Turn, since: number, cause: string): Promise<void> {
  const { trx } = turn
  const customers = await trx
    .selectFrom('billing_customers')
    .select(['customer_id as objectId', 'tenant_id as tenantId'])
    .where('is_deleted', '=', 0)
    .execute()
  for (const { objectId: customerId, tenantId } of customers)
    await enqueueList(turn, { customerId, tenantId, since }, cause)
  const subscriptions = trx
    .selectFrom('billing_subscriptions')
    .select(['subscription_id as objectId', 'tenant_id as tenantId'])
    .where('status', 'not in', endedStatuses)
  const invoices = trx
    .selectFrom('billing_invoices')
    .select(['invoice_id as objectId', 'tenant_id as tenantId'])
    .where('status', 'in', unsettledStatuses)
  for (const [objectType, rows] of [
    ['customer', customers],
    ['subscription', await subscriptions.execute()],
    ['invoice', await invoices.execute()],
  ] as const)
    for (const row of rows) await enqueueRefresh(turn, { objectType, ...row }, cause)
}

const unixSeconds = (time: Date) => Math.floor(time.getTime() / 1000)
