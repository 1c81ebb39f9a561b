import { z } from 'zod'
import { type AppContext, requireStripe } from '../context.ts'
import { fieldsOf, timeOut } from '../db/fields.ts'
import { type Page, type PageQuery, pageOf } from '../db/page.ts'
import type { Reader } from '../db/tables.ts'
import { AppError, Conflict, NotFound } from '../errors.ts'
import { releasedFact } from '../inbox/event-fact.ts'
import { faultReason, isFault, isFaultReason } from '../inbox/fault.ts'
import { ownerOf } from '../inbox/owner.ts'
import { judgeAgain, releaseParked } from '../inbox/parking.ts'
import { takeIn, takeInEvent } from '../inbox/take-in.ts'
import type { By } from '../log/by.ts'
import { streams } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { askStripe } from '../stripe/ask-stripe.ts'
import { isSellers, isStripeObjectType } from '../stripe/object-types.ts'

export const WebhookListing = z
  .object({
    event_id: z.string(),
    type: z.string(),
    tenant_id: z.string().nullable(),
    customer_id: z.string().nullable(),
    object_id: z.string(),
    disposition: z.enum(['applied', 'ignored', 'parked', 'quarantined', 'refetched', 'released']),
    reason: z.string().nullable(),
    created_at: timeOut,
    received_at: timeOut,
  })
  .meta({ id: 'Webhook' })
export type WebhookListing = z.infer<typeof WebhookListing>

/** Stripe's events, newest first. @throws InvalidRequest on `cursor` */
export async function listWebhooks(
  reader: Reader,
  disposition: WebhookListing['disposition'] | undefined,
  page: PageQuery,
): Promise<Page<WebhookListing>> {
  let query = reader.selectFrom('stripe_events').select(fieldsOf(WebhookListing))
  if (disposition !== undefined) query = query.where('disposition', '=', disposition)
  return pageOf(query, page, 'event_id', (event) => event)
}

/**
 * Judges an event again by what is known now. Of a parked one, with all that wait for its customer: those are released if
 * the customer is known by now. One that a fault has quarantined is interpreted again. Of one that contradicted us the
 * object is fetched from Stripe: what does not contradict any more is taken in, and the event is released.
 * @throws NotFound; Conflict for an event that waits for nothing, or that cannot be interpreted still
 */
export async function retryWebhook(context: AppContext, eventId: string, by: By): Promise<WebhookListing> {
  const { disposition, reason, customer_id } = await webhook(context.db.reader, eventId)
  if (disposition === 'parked')
    await context.transact(by, (turn) => releaseParked(turn, customer_id ?? '', takeInEvent))
  else if (disposition === 'quarantined' && isFaultReason(reason)) await retryFaulty(context, eventId, by)
  else if (disposition === 'quarantined') await retryContradicting(context, eventId, by)
  else throw new Conflict(`This event is ${disposition}: there is nothing to try again`)
  return webhook(context.db.reader, eventId)
}

async function retryFaulty({ transact, config, log }: AppContext, eventId: string, by: By): Promise<void> {
  try {
    await transact(by, async (turn) => {
      if ((await webhook(turn.trx, eventId)).disposition === 'quarantined')
        await judgeAgain(turn, eventId, takeInEvent, config.stripe.environment === 'live')
    })
  } catch (error) {
    if (!isFault(error)) throw error
    log.error({ err: error, event_id: eventId }, 'a quarantined event cannot be interpreted still')
    throw new AppError('conflict', `It cannot be interpreted still: ${faultReason(error)}`)
  }
}

async function retryContradicting(context: AppContext, eventId: string, by: By): Promise<void> {
  const { db, config } = context
  const received = await factById(db.reader, eventId, 'stripe.event_received')
  const { object_type, object_id, livemode } = received.data
  if (livemode !== (config.stripe.environment === 'live') || !isStripeObjectType(object_type)) return
  const observation = await askStripe(
    async () => (await requireStripe(context).fetch(object_type, object_id)).observation,
    () => undefined,
  )
  if (observation === undefined) return
  await context.transact(by, async (turn) => {
    if ((await webhook(turn.trx, eventId)).disposition !== 'quarantined') return
    const { tenantId, conflict } = await ownerOf(turn.trx, observation)
    if (conflict !== null || (tenantId === null && !isSellers(object_type))) return
    // The newer one first, so that the event's own payload, which was wrong, is not shown.
    await takeIn(turn, [observation], { cause: `retry:${eventId}`, tenantId })
    const stream = tenantId === null ? streams.catalog : streams.billing(tenantId)
    await turn.record(stream, [releasedFact(received, tenantId)])
  })
}

async function webhook(reader: Reader, eventId: string): Promise<WebhookListing> {
  const row = await reader
    .selectFrom('stripe_events')
    .select(fieldsOf(WebhookListing))
    .where('event_id', '=', eventId)
    .executeTakeFirst()
  if (row === undefined) throw new NotFound('event of Stripe’s')
  return row
}
