import type { Reader } from '../db/tables.ts'
import type { Observation } from '../stripe/gateway.ts'
import {
  isStripeObjectType,
  type StripeEvent,
  type StripeObjects,
  type StripeObjectType,
} from '../stripe/object-types.ts'
import type { Fact, FactData } from './facts.ts'
import { personalOf } from './subject.ts'
import { putTogether, type Texts } from './take-apart.ts'

/** The facts that carry an object of Stripe's. */
export type SightingType = 'stripe.object_observed' | 'stripe.event_received' | 'stripe.event_released'

/** An object of Stripe's as a fact of the log carries it: `object` without its texts; amounts, states, times and ids need no key. */
export type Sighting<T extends StripeObjectType = StripeObjectType> = Observation<T> & {
  /** With its texts, for personal columns. Null: they were erased. @throws NoPersonalKey */
  whole(): Promise<StripeObjects[T] | null>
  /** Null: it is what the API answered. */
  event: StripeEvent | null
  /** Of the event; an answer and a released event are applied. What is not applied stands in the log alone. */
  disposition: FactData<'stripe.event_received'>['disposition']
  factId: string
  /** The id of Stripe's event, or of what has asked Stripe. */
  cause: string
  tenantId: string | null
  /** Where in the log, and since when. */
  position: number
  recordedAt: string
}

/** Undefined: none of these types. What we keep nothing of is none. */
export function sightingIn<T extends StripeObjectType = StripeObjectType>(
  reader: Reader,
  fact: Fact,
  types?: readonly T[],
): Sighting<T> | undefined {
  if (!isSightingFact(fact)) return undefined
  const { data } = fact
  const isWanted = types?.some((type) => type === data.object_type) ?? isStripeObjectType(data.object_type)
  if (!isWanted) return undefined
  const of = fact.type === 'stripe.object_observed' ? answerIn(fact) : eventIn(fact)
  // The catalogue of facts cannot say which type goes with which object.
  const sighting: object = {
    ...of,
    objectType: data.object_type,
    objectId: data.object_id,
    async whole() {
      const texts = await personalOf<Texts>(reader, fact)
      return texts === null ? null : of.objectWith(texts)
    },
    factId: fact.fact_id,
    tenantId: fact.tenant_id,
    position: fact.position,
    recordedAt: fact.recorded_at,
  }
  return sighting as Sighting<T>
}

const isSightingFact = (fact: Fact): fact is Fact<SightingType> =>
  fact.type.startsWith('stripe.') && fact.type !== 'stripe.event_quarantined'

/** As it came, without its texts. */
export const rawEvent = ({ data }: Fact<'stripe.event_received' | 'stripe.event_released'>) =>
  data.event as unknown as StripeEvent

function answerIn({ data, metadata, fact_id }: Fact<'stripe.object_observed'>) {
  return {
    object: data.object,
    objectWith: (texts: Texts): object => putTogether(data.object, texts),
    event: null,
    asOf: data.as_of,
    isDeleted: data.is_deleted,
    disposition: 'applied',
    cause: metadata.causation ?? fact_id,
  }
}

function eventIn(fact: Fact<'stripe.event_received' | 'stripe.event_released'>) {
  const { data, type } = fact
  const event = rawEvent(fact)
  return {
    object: event.data.object,
    objectWith: (texts: Texts): object => putTogether(event, texts).data.object,
    event,
    asOf: data.created,
    // A subscription that has ended, and whose event is called so, is there still.
    isDeleted: data.event_type === `${data.object_type}.deleted` && data.object_type !== 'subscription',
    disposition: type === 'stripe.event_received' ? data.disposition : 'applied',
    cause: data.event_id,
  }
}
