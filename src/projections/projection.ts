import type { Kysely } from 'kysely'
import type Stripe from 'stripe'
import type { Tables, Trx } from '../db/tables.ts'
import type { Fact, FactType } from '../log/facts.ts'
import { personalOf } from '../log/subject.ts'
import { type JsonObject, putTogether, type Texts } from '../log/take-apart.ts'
import type { StripeObjectType } from '../stripe/object-types.ts'

/**
 * One table as a fold of the log. The functions read nothing but the fact and the projected tables of `trx`: no
 * clock, no network, no environment, so that a replay gives the same bytes. They never refuse a fact.
 */
export type Projection = {
  table: keyof Tables
  primaryKey: string
  /** What persons gave, or Stripe says of them: null once the tenant was erased. */
  personalColumns?: readonly string[]
  /** Its rows are there only where what is personal can be read: without the key there is nothing to compare. */
  isPersonal?: boolean
  on: { [T in FactType]?: (trx: Trx, fact: Fact<T>) => Promise<void> }
}

/** An object of Stripe's as a fact of the log carries it. */
export type Sighting<T extends ShownType = ShownType> = {
  /** Without its texts: amounts, states, times and ids need no key. */
  object: StripeObjects[T]
  /** With them, for personal columns. Null: they were erased. */
  whole(): Promise<StripeObjects[T] | null>
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
    const objectIn = (event: JsonObject) => (event as unknown as Stripe.Event).data.object as StripeObjects[T]
    const event = fact.data.event as JsonObject
    await apply(trx, {
      object: objectIn(event),
      async whole() {
        const texts = await personalOf(trx, fact)
        return texts === null ? null : objectIn(putTogether(event, texts as Texts))
      },
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
      const object = fact.data.object as JsonObject
      await apply(trx, {
        object: object as unknown as StripeObjects[T],
        async whole() {
          const texts = await personalOf(trx, fact)
          return texts === null ? null : (putTogether(object, texts as Texts) as unknown as StripeObjects[T])
        },
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

/** The tenant was erased: its personal columns are empty from here on. */
export const forget = (table: keyof Tables, personalColumns: readonly string[]): Projection['on'] => ({
  'tenant.erased': async (trx, { tenant_id, position }) => {
    const nothing = Object.fromEntries(personalColumns.map((column) => [column, null]))
    await (trx as unknown as Kysely<Record<string, Record<string, unknown>>>)
      .updateTable(table)
      .set({ ...nothing, last_position: position })
      .where('tenant_id', '=', tenant_id)
      .execute()
  },
})
