import type { Logger } from 'pino'
import type Stripe from 'stripe'
import type { Turn, TurnFact } from '../effects/turn.ts'
import { type Fact, streams } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { applyEvent } from './apply.ts'
import { describe, judge, streamOf } from './judge.ts'
import { releaseParked, repeated } from './release.ts'

/**
 * Interprets an event, which a fault of the code has quarantined, again by its own payload, and releases it. One that
 * is nobody's by now, or that contradicts what is known, stays where it is. What it asks for is in the outbox.
 * @throws what the interpretation throws still
 */
export async function reinterpret(
  turn: Turn,
  eventId: string,
  about: { isLive: boolean; log: Logger },
): Promise<void> {
  const { trx } = turn
  const received = (await factById(trx, eventId)) as Fact<'stripe.event_received'>
  const event = received.data.event as unknown as Stripe.Event
  const described = describe(event)
  const verdict = await judge(trx, event, described, about.isLive)
  if (verdict.disposition === 'quarantined' || verdict.disposition === 'parked') return
  const { tenantId, customerId } = verdict.owner
  const again = repeated(received)
  const fact: TurnFact<'stripe.event_released'> = {
    fact_id: `release:${eventId}`,
    type: 'stripe.event_released',
    tenant_id: tenantId,
    ...again,
    data: {
      ...again.data,
      object_type: described.object.object ?? 'unknown',
      object_id: described.object.id ?? 'none',
      customer_id: customerId,
    },
    metadata: { causation: eventId },
  }
  if (verdict.disposition === 'ignored') {
    await turn.record(streams.stripe, [fact])
    return
  }
  const asksAgain = verdict.disposition === 'refetched'
  await applyEvent(turn, streamOf(verdict), fact, { asksAgain, log: about.log })
  if (described.mirrored === 'customer' && tenantId !== null)
    await releaseParked(turn, tenantId, fact.data.object_id)
}
