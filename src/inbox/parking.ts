import type { Turn } from '../effects/turn.ts'
import { streams } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { rawEvent } from '../log/sighting.ts'
import { type EventFact, releasedFact } from './event-fact.ts'
import { faultReason, isFault } from './fault.ts'
import { judge } from './judge.ts'
import { ownerOf } from './owner.ts'

type TakeIn = (turn: Turn, fact: EventFact) => Promise<boolean>

/**
 * The events about a customer that came too early are judged again, oldest first. One that names another tenant, or that
 * cannot be interpreted, is quarantined, as it would have been had it come later: the customer, and the others, must not
 * wait for it.
 */
export async function releaseParked(turn: Turn, customerId: string, takeIn: TakeIn): Promise<void> {
  const parked = await turn.trx
    .selectFrom('stripe_events')
    .select('event_id')
    .where('disposition', '=', 'parked')
    .where('customer_id', '=', customerId)
    .orderBy('created_at')
    .orderBy('event_id')
    .execute()
  const stripe = turn.as({ actor: 'stripe' })
  for (const { event_id } of parked)
    await stripe
      .part((part) => judgeAgain(part, event_id, takeIn))
      .catch((error) => {
        if (!isFault(error)) throw error
        return quarantine(stripe, event_id, faultReason(error))
      })
}

/**
 * Judges an event that waits by what is known now, and releases it where it waits for nothing any more: it is taken in by its
 * own payload. One that contradicts what is known is quarantined.
 * @param isLive which mode we are in; by default, as when the event was parked, the event's own
 * @throws what its interpretation throws
 */
export async function judgeAgain(
  turn: Turn,
  eventId: string,
  takeIn: TakeIn,
  isLive?: boolean,
): Promise<void> {
  const received = await factById(turn.trx, eventId, 'stripe.event_received')
  const event = rawEvent(received)
  const { disposition, reason, tenantId } = await judge(event, isLive ?? event.livemode, (shown) =>
    ownerOf(turn.trx, shown),
  )
  if (disposition === 'parked') return
  if (disposition === 'quarantined') await quarantine(turn, eventId, reason ?? disposition)
  else if (disposition === 'ignored') await turn.record(streams.stripe, [releasedFact(received, null)])
  else await takeIn(turn, releasedFact(received, tenantId))
}

async function quarantine(turn: Turn, eventId: string, reason: string): Promise<void> {
  await turn.record(streams.stripe, [
    {
      fact_id: `quarantine:${eventId}`,
      type: 'stripe.event_quarantined',
      tenant_id: null,
      data: { event_id: eventId, reason },
      metadata: { causation: eventId },
    },
  ])
}
