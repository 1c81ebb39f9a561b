import type Stripe from 'stripe'
import { type AppContext, requireStripe } from '../../context.ts'
import type { Reader } from '../../db/tables.ts'
import type { Turn } from '../../effects/turn.ts'
import type { By } from '../../log/by.ts'
import { canonicalJson } from '../../log/canonical-json.ts'
import { type Fact, streams } from '../../log/facts.ts'
import { factOf } from '../../log/read.ts'
import { personalOf } from '../../log/subject.ts'
import { type JsonObject, putTogether, type Texts } from '../../log/take-apart.ts'
import { idOf } from '../../projections/read-value.ts'
import { askStripe } from '../../stripe/ask-stripe.ts'
import type { Observation } from '../../stripe/gateway.ts'
import { observationFact } from '../observation-fact.ts'

/** Brings products, prices, coupons and promotion codes up to what Stripe has now. Returns how many had changed. */
export async function syncCatalogue(context: AppContext, by: By = { actor: 'startup' }): Promise<number> {
  const observations = await askStripe(() => requireStripe(context).catalogue())
  return context.transact(by, (turn) => recordCatalogue(turn, observations, `catalogue:${turn.now}`))
}

/**
 * Records what Stripe has answered about the catalogue, where it differs from what the log has last about the object.
 * Returns how many did.
 * @param cause of the facts' ids: the same cause again records nothing
 */
export async function recordCatalogue(
  turn: Turn,
  observations: readonly Observation[],
  cause: string,
): Promise<number> {
  const changed = await changedOf(turn.trx, observations)
  const facts = changed.map((each) => observationFact(each, { cause, tenantId: null }))
  return (await turn.record(streams.catalog, facts)).length
}

/** Those that differ from what the log has last about their object. */
export async function changedOf(
  reader: Reader,
  observations: readonly Observation[],
): Promise<Observation[]> {
  const changed: Observation[] = []
  for (const seen of observations) {
    const known = await lastKnown(reader, seen)
    if (known === undefined || canonicalJson(flat(known)) !== canonicalJson(flat(seen.object)))
      changed.push(seen)
  }
  return changed
}

/** The object in the fact that its row was made of. */
async function lastKnown(reader: Reader, { objectType, objectId }: Observation): Promise<object | undefined> {
  const position = await rowPosition(reader, objectType, objectId)
  if (position === undefined) return undefined
  const row = await reader
    .selectFrom('billing_events')
    .selectAll()
    .where('position', '=', position)
    .executeTakeFirst()
  return row === undefined ? undefined : objectIn(reader, factOf(row))
}

async function objectIn(reader: Reader, fact: Fact): Promise<object | undefined> {
  switch (fact.type) {
    case 'stripe.object_observed':
      return putTogether(fact.data.object as JsonObject, (await personalOf(reader, fact)) as Texts)
    case 'stripe.event_received':
    case 'stripe.event_released': {
      const event = putTogether(fact.data.event as JsonObject, (await personalOf(reader, fact)) as Texts)
      return (event as unknown as Stripe.Event).data.object
    }
    default:
      return undefined
  }
}

async function rowPosition(reader: Reader, objectType: Observation['objectType'], id: string) {
  const position = (rows: { last_position: number } | undefined) => rows?.last_position
  switch (objectType) {
    case 'product':
      return position(
        await reader
          .selectFrom('billing_products')
          .select('last_position')
          .where('product_id', '=', id)
          .executeTakeFirst(),
      )
    case 'price':
      return position(
        await reader
          .selectFrom('billing_prices')
          .select('last_position')
          .where('price_id', '=', id)
          .executeTakeFirst(),
      )
    default:
      return position(
        await reader
          .selectFrom('billing_discounts')
          .select('last_position')
          .where('discount_id', '=', id)
          .executeTakeFirst(),
      )
  }
}

/** With ids where Stripe was asked to show the objects themselves: how it was asked makes no difference. */
function flat(object: object): object {
  if ('promotion' in object) {
    const { promotion } = object as Stripe.PromotionCode
    return { ...object, promotion: { ...promotion, coupon: idOf(promotion.coupon) } }
  }
  return object
}
