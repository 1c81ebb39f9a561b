import type { TurnFact } from '../effects/turn.ts'
import type { Fact } from '../log/facts.ts'
import { isOurWord } from '../log/safe-words.ts'
import { takeApart } from '../log/take-apart.ts'
import { withoutSecrets } from '../stripe/answer.ts'
import { isSellers, type StripeEvent } from '../stripe/object-types.ts'
import { declineIn } from './decline.ts'
import type { Verdict } from './judge.ts'

/** Of an event: received, or released from where it waited. */
export type EventFact = TurnFact<'stripe.event_received' | 'stripe.event_released'>

/** @param isForgotten its texts are not kept: it says that it is about a tenant that was erased */
export function receivedFact(
  event: StripeEvent,
  verdict: Verdict,
  isForgotten: boolean,
): TurnFact<'stripe.event_received'> {
  // These stand in the clear, and the object may say anything: a name that is none is left out.
  const { objectType, objectId, tenantId, customerId, disposition, reason } = verdict
  const { safe, texts } = takeApart(withoutSecrets(event))
  // Another program's key may be any text.
  const key = event.request?.idempotency_key
  return {
    fact_id: event.id,
    type: 'stripe.event_received',
    tenant_id: tenantId,
    data: {
      event_id: event.id,
      event_type: event.type,
      object_type: isOurWord(objectType) ? objectType : 'unknown',
      object_id: isSellers(objectType) || isOurWord(objectId) ? objectId : 'none',
      customer_id: customerId,
      created: event.created,
      api_version: event.api_version,
      livemode: event.livemode,
      disposition,
      reason,
      ...declineIn(event.data.object),
      event: safe,
      personal: isForgotten ? {} : texts,
    },
    metadata: key?.startsWith('stepledger:') ? { causation: key } : {},
    occurred_at: new Date(event.created * 1000).toISOString(),
  }
}

/** It says again what the event's first fact has said. What is sealed stays as it is. */
export function releasedFact(
  { data, subject, sealed, occurred_at }: Fact<'stripe.event_received'>,
  tenantId: string | null,
): TurnFact<'stripe.event_released'> {
  const { event_id, event_type, object_type, object_id, customer_id, created, event } = data
  return {
    fact_id: `release:${event_id}`,
    type: 'stripe.event_released',
    tenant_id: tenantId,
    data: {
      ...{ event_id, event_type, object_type, object_id, customer_id, created, event },
      personal: data.personal ?? {},
    },
    sealed: { subject, sealed },
    metadata: { causation: event_id },
    occurred_at,
  }
}
