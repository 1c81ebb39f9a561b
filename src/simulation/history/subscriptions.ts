import { hasEnded, stagesFrom } from '../../../machines/subscription.ts'
import type { Sighting } from '../../log/sighting.ts'
import { idOf } from '../../projections/read-value.ts'
import { discountsIn, fillIn, readDiscounts } from '../../projections/subscription-discounts.ts'
import { keyInMetadata } from '../../stripe/call.ts'
import type { StripeObjects } from '../../stripe/object-types.ts'
import { pendingItems } from './pending-items.ts'
import { instantOf, type Teller, type Told } from './telling.ts'

type Observation = Extract<Told, { kind: 'subscription' }>
type Seen = { told: Observation; asOf: number; discounts: string; productId: string | null }

/**
 * Subscriptions as they were seen. Webhooks come in any order: what is older than what was seen before tells nothing, nor
 * does an event of the same second, as that is settled by asking.
 */
export function subscriptionEntries(): Teller {
  const seen = new Map<string, Seen>()
  const pending = pendingItems()
  return (_fact, sighting) => {
    if (sighting?.objectType !== 'subscription') {
      const changed = pending.see(sighting)
      return [...seen].flatMap(([id, before]) => {
        if (!changed.has(id)) return []
        const told = { ...before.told, pendingCents: pending.centsOf(id) }
        seen.set(id, { ...before, told })
        return [told]
      })
    }
    const { object, asOf, objectId } = sighting as Sighting<'subscription'>
    const before = seen.get(objectId)
    const status = statusOf(object)
    const found = readDiscounts(object.discounts)
    if (before !== undefined && !replaces(sighting, before, status)) {
      // The terms of its discounts are in answers alone.
      const discounts = fillIn(before.discounts, before.discounts, found)
      if (discounts === before.discounts) return []
      const told = { ...before.told, discount: discountIn(discounts, before.productId) }
      seen.set(objectId, { ...before, told, discounts })
      return [told]
    }
    const discounts = before === undefined ? found : fillIn(found, before.discounts)
    const productId = idOf(object.items.data[0]?.price.product)
    const told = observationOf(object, status, {
      discount: discountIn(discounts, productId),
      pendingCents: pending.centsOf(objectId),
      asOf,
    })
    seen.set(objectId, { told, asOf, discounts, productId })
    return [told]
  }
}

function replaces({ event, asOf }: Sighting, before: Seen, status: string): boolean {
  const step = stagesFrom(before.told.status, status)
  if (step !== 0) return step > 0
  return event === null ? asOf >= before.asOf : asOf > before.asOf
}

const statuses: readonly Observation['status'][] = [
  ...(['incomplete', 'incomplete_expired', 'trialing', 'active'] as const),
  ...(['past_due', 'unpaid', 'paused', 'canceled'] as const),
]

function statusOf(object: StripeObjects['subscription']): Observation['status'] {
  const status = statuses.find((status) => status === object.status)
  if (status === undefined) throw new Error(`the model knows no subscription that is ${object.status}`)
  return status
}

function observationOf(
  object: StripeObjects['subscription'],
  status: Observation['status'],
  { discount, pendingCents, asOf }: Pick<Observation, 'discount' | 'pendingCents'> & { asOf: number },
): Observation {
  const item = object.items.data[0]
  if (item === undefined) throw new Error(`${object.id} has no item`)
  const periodEndsAt = instantOf(item.current_period_end)
  const ended = object.ended_at ?? (hasEnded(status) ? (object.canceled_at ?? asOf) : null)
  const madeByUs = object.metadata[keyInMetadata] !== undefined
  const first = object.latest_invoice
  return {
    kind: 'subscription',
    subscription: object.id,
    status,
    startedAt: instantOf(object.start_date),
    trialEndsAt: instantOf(object.trial_end),
    periodEndsAt,
    cancelAt: instantOf(object.cancel_at) ?? (object.cancel_at_period_end ? periodEndsAt : null),
    endedAt: instantOf(ended),
    collectionPaused: object.pause_collection !== null,
    plan: {
      interval: intervalOf(item.price),
      amountCents: (item.price.unit_amount ?? 0) * (item.quantity ?? 1),
    },
    discount,
    currency: object.currency,
    pendingCents,
    madeByUs,
    firstInvoice: madeByUs ? (typeof first === 'string' ? first : (first?.id ?? null)) : null,
  }
}

function intervalOf({ recurring }: StripeObjects['price']): Observation['plan']['interval'] {
  const { interval = 'month', interval_count: count = 1 } = recurring ?? {}
  if (interval === 'month' && count === 3) return 'quarter'
  for (const known of ['week', 'month', 'year'] as const) if (interval === known && count === 1) return known
  throw new Error(`the model knows no plan of every ${count} ${interval}s`)
}

/** The model knows one discount, of its plan. */
function discountIn(discounts: string, productId: string | null): Observation['discount'] {
  const [discount] = discountsIn(discounts).filter(
    ({ product_ids }) => product_ids === null || product_ids.includes(productId ?? ''),
  )
  if (discount === undefined) return null
  const { percent_off, amount_off_cents, ends_at, duration } = discount
  return {
    percentOff: percent_off,
    amountOffCents: amount_off_cents,
    endsAt: ends_at === null ? null : Date.parse(ends_at),
    once: duration === 'once',
  }
}
