import type Stripe from 'stripe'
import { z } from 'zod'
import { type AppContext, requireStripe } from '../context.ts'
import { fieldsOf, timeOut } from '../db/fields.ts'
import { type Page, type PageQuery, pageOf } from '../db/page.ts'
import type { Reader } from '../db/tables.ts'
import type { Turn, TurnFact } from '../effects/turn.ts'
import { AppError, Conflict, NotFound } from '../errors.ts'
import { recordCatalogue } from '../inbox/catalogue/catalogue.ts'
import { enqueueRefresh } from '../inbox/enqueue-refresh.ts'
import { faultReason, isFault, isFaultReason } from '../inbox/fault.ts'
import { ownerOf } from '../inbox/owner.ts'
import { recordAnswer } from '../inbox/record-answer.ts'
import { reinterpret } from '../inbox/reinterpret.ts'
import { releaseParked, repeated } from '../inbox/release.ts'
import type { By } from '../log/by.ts'
import { type Fact, streams } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { StripeFailure } from '../stripe/failure.ts'
import type { Observation } from '../stripe/gateway.ts'
import type { StripeObjectType } from '../stripe/object-types.ts'

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
 * Judges an event again by what is known now. A parked one whose customer is known by now is released, with all that
 * wait for that customer. One that a fault has quarantined is interpreted again. Of one that contradicted us the object
 * is fetched from Stripe: what does not contradict any more is recorded, and the event is released.
 * @throws NotFound; Conflict for an event that waits for nothing, or that cannot be interpreted still
 */
export async function retryWebhook(context: AppContext, eventId: string, by: By): Promise<WebhookListing> {
  const event = await webhook(context.db.reader, eventId)
  if (event.disposition === 'parked') await retryParked(context, event, by)
  else if (event.disposition === 'quarantined' && isFaultReason(event.reason))
    await retryFaulty(context, eventId, by)
  else if (event.disposition === 'quarantined') await retryQuarantined(context, eventId, by)
  else throw new Conflict(`This event is ${event.disposition}: there is nothing to try again`)
  return webhook(context.db.reader, eventId)
}

/** What the events leave open is in the outbox, whose worker takes it. */
async function retryParked(context: AppContext, { customer_id }: WebhookListing, by: By): Promise<void> {
  if (customer_id === null) return
  await context.transact(by, async (turn) => {
    const customer = await turn.trx
      .selectFrom('billing_customers')
      .select('tenant_id')
      .where('customer_id', '=', customer_id)
      .executeTakeFirst()
    if (customer !== undefined) await releaseParked(turn, customer.tenant_id, customer_id)
  })
}

async function retryFaulty({ transact, config, log }: AppContext, eventId: string, by: By): Promise<void> {
  const about = { isLive: config.stripe.environment === 'live', log }
  try {
    await transact(by, async (turn) => {
      if ((await webhook(turn.trx, eventId)).disposition === 'quarantined')
        await reinterpret(turn, eventId, about)
    })
  } catch (error) {
    if (!isFault(error)) throw error
    log.error({ err: error, event_id: eventId }, 'a quarantined event cannot be interpreted still')
    throw new AppError('conflict', `It cannot be interpreted still: ${faultReason(error)}`)
  }
}

const catalogue: readonly string[] = ['product', 'price', 'coupon', 'promotion_code']

async function retryQuarantined(context: AppContext, eventId: string, by: By): Promise<void> {
  const { db, config } = context
  const fact = (await factById(db.reader, eventId)) as Fact<'stripe.event_received'>
  const { object_type, object_id, livemode } = fact.data
  if (livemode !== (config.stripe.environment === 'live')) return
  const observation = await fetchObject(context, object_type as StripeObjectType, object_id)
  if (observation === undefined) return
  await context.transact(by, async (turn) => {
    const { trx } = turn
    if ((await webhook(trx, eventId)).disposition !== 'quarantined') return
    if (catalogue.includes(object_type)) {
      await recordCatalogue(turn, [observation], `retry:${eventId}`)
      await release(turn, fact, null)
      return
    }
    const object = observation.object as unknown as Stripe.Event.Data.Object
    const { tenantId, conflict } = await ownerOf(trx, object_type as StripeObjectType, { object })
    if (tenantId === null || conflict !== null) return
    // The newer one first, so that the event's own payload, which was wrong, is not shown.
    await recordAnswer(turn, tenantId, observation, `retry:${eventId}`)
    await release(turn, fact, tenantId)
    // The outbox tells the sessions that it is about.
    await enqueueRefresh(turn, { ...observation, tenantId }, `retry:${eventId}`)
  })
}

async function fetchObject(
  context: AppContext,
  objectType: StripeObjectType,
  id: string,
): Promise<Observation | undefined> {
  try {
    return (await requireStripe(context).fetch(objectType, id)).observation
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    if (error.kind === 'missing') return undefined
    throw error.toAppError()
  }
}

async function release(
  turn: Turn,
  received: Fact<'stripe.event_received'>,
  tenantId: string | null,
): Promise<void> {
  const { event_id } = received.data
  const fact: TurnFact<'stripe.event_released'> = {
    fact_id: `release:${event_id}`,
    type: 'stripe.event_released',
    tenant_id: tenantId,
    ...repeated(received),
    metadata: { causation: event_id },
  }
  await turn.record(tenantId === null ? streams.catalog : streams.billing(tenantId), [fact])
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
