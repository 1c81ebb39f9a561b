import type Stripe from 'stripe'
import type { Tables, Trx } from '../db/tables.ts'
import type { Fact, FactType, StripeObjectType } from '../log/facts.ts'

/**
 * One table as a fold of the log. The functions read nothing but the fact and the projected tables of `trx`: no
 * clock, no network, no environment, so that a replay gives the same bytes. They never refuse a fact.
 */
export type Projection = {
  table: keyof Tables
  primaryKey: string
  on: { [T in FactType]?: (trx: Trx, fact: Fact<T>) => Promise<void> }
}

/** An object of Stripe's as a fact of the log carries it. */
export type Sighting<T extends ShownType = ShownType> = {
  object: StripeObjects[T]
  /** Stripe's time of what is shown, unix seconds. */
  asOf: number
  /** `event`: a webhook's payload; `answer`: what the API answered. */
  source: 'event' | 'answer'
  /** Null for an answer. */
  eventType: string | null
  /** Stripe says that it is gone. Of a deleted object there may be no more than its id. */
  isDeleted: boolean
  tenantId: string | null
  /** The fact's: when it happened, and where in the log. */
  occurredAt: string
  position: number
}

/** Invoice items are in the log alone: the invoice shows them. */
type ShownType = Exclude<StripeObjectType, 'invoiceitem'>

export type StripeObjects = {
  customer: Stripe.Customer
  subscription: Stripe.Subscription
  invoice: Stripe.Invoice
  payment_method: Stripe.PaymentMethod
  setup_intent: Stripe.SetupIntent
  coupon: Stripe.Coupon
  promotion_code: Stripe.PromotionCode
  product: Stripe.Product
  price: Stripe.Price
}

/** The three facts that carry an object of Stripe's, as one handler. */
export function onStripeObject<T extends ShownType>(
  type: T,
  apply: (trx: Trx, sighting: Sighting<T>) => Promise<void>,
): Projection['on'] {
  const fromEvent = async (
    trx: Trx,
    fact: Fact<'stripe.event_received'> | Fact<'stripe.event_released'>,
  ): Promise<void> => {
    if (fact.data.object_type !== type) return
    const event = fact.data.personal.event as unknown as Stripe.Event
    await apply(trx, {
      object: event.data.object as unknown as StripeObjects[T],
      asOf: fact.data.created,
      source: 'event',
      eventType: fact.data.event_type,
      isDeleted: fact.data.event_type === `${type}.deleted` && type !== 'subscription',
      tenantId: fact.tenant_id,
      occurredAt: fact.occurred_at,
      position: fact.position,
    })
  }
  return {
    'stripe.event_received': async (trx, fact) => {
      if (fact.data.disposition === 'applied') await fromEvent(trx, fact)
    },
    'stripe.event_released': fromEvent,
    'stripe.object_observed': async (trx, fact) => {
      if (fact.data.object_type !== type) return
      await apply(trx, {
        object: fact.data.personal.object as unknown as StripeObjects[T],
        asOf: fact.data.as_of,
        source: 'answer',
        eventType: null,
        isDeleted: fact.data.is_deleted,
        tenantId: fact.tenant_id,
        occurredAt: fact.occurred_at,
        position: fact.position,
      })
    },
  }
}

/**
 * Whether a sighting replaces what a row shows. Webhooks come in any order, and their time has whole seconds: an
 * event must be newer than the row, and what the API answered wins over an event of the same second, because whoever
 * found two events of one second asked the API.
 */
export function supersedes(sighting: Sighting, row: { as_of: number } | undefined): boolean {
  if (row === undefined) return true
  return sighting.source === 'answer' ? sighting.asOf >= row.as_of : sighting.asOf > row.as_of
}

/** Unix seconds as UTC ISO 8601 with milliseconds. */
export function isoTime(seconds: number): string
export function isoTime(seconds: number | null | undefined): string | null
export function isoTime(seconds: number | null | undefined): string | null {
  return seconds === null || seconds === undefined ? null : new Date(seconds * 1000).toISOString()
}
