import type Stripe from 'stripe'
import type { Reader } from '../db/tables.ts'
import { type NewFact, streams } from '../log/facts.ts'
import type { StripeObjectType } from '../stripe/object-types.ts'
import { isPinned } from '../stripe/webhook.ts'
import { type Owner, ownerOf } from './owner.ts'

export type Disposition = NewFact<'stripe.event_received'>['data']['disposition']
export type Verdict = { disposition: Disposition; reason: string | null; owner: Owner }

/** What is sold: the seller may have chosen any text as its id. */
export const catalogue: readonly string[] = ['product', 'price', 'coupon', 'promotion_code']
const mirrored: readonly string[] = [
  'customer',
  'subscription',
  'invoice',
  'payment_method',
  'setup_intent',
  ...catalogue,
]

export type Described = {
  object: { id?: string; object?: string }
  /** Undefined: an object that we keep nothing of. */
  mirrored: StripeObjectType | undefined
}

/** @throws for an object whose id is none */
export function describe(event: Stripe.Event): Described {
  const { id, object } = event.data.object as { id?: unknown; object?: unknown }
  // An upcoming invoice has no id, because there is no such invoice yet.
  if (id !== undefined && id !== null && typeof id !== 'string')
    throw new TypeError("the object's id is no string")
  const described = {
    ...(typeof id === 'string' && { id }),
    ...(typeof object === 'string' && { object }),
  }
  const isMirrored = described.id !== undefined && mirrored.includes(described.object ?? '')
  return { object: described, mirrored: isMirrored ? (described.object as StripeObjectType) : undefined }
}

/** Whose an event is, and what is to become of it, by what is known now. */
export async function judge(
  reader: Reader,
  event: Stripe.Event,
  about: Described,
  isLive: boolean,
): Promise<Verdict> {
  const nobody: Owner = { tenantId: null, customerId: null, conflict: null }
  if (about.mirrored === undefined) return { disposition: 'ignored', reason: 'type', owner: nobody }
  if (event.livemode !== isLive) return { disposition: 'quarantined', reason: 'livemode', owner: nobody }
  const disposition = isPinned(event) ? 'applied' : 'refetched'
  const reason = isPinned(event) ? null : `api_version ${event.api_version}`
  if (catalogue.includes(about.mirrored)) return { disposition, reason, owner: nobody }
  const owner = await ownerOf(reader, about.mirrored, event.data)
  if (owner.conflict !== null)
    return { disposition: 'quarantined', reason: owner.conflict, owner: { ...owner, tenantId: null } }
  if (owner.tenantId !== null) return { disposition, reason, owner }
  return owner.customerId === null
    ? { disposition: 'ignored', reason: 'no customer', owner }
    : { disposition: 'parked', reason: 'unknown customer', owner }
}

export function streamOf({ owner, disposition, reason }: Verdict): string {
  if (owner.tenantId !== null) return streams.billing(owner.tenantId)
  const isCatalogue = disposition === 'applied' || (disposition === 'refetched' && reason !== null)
  return isCatalogue ? streams.catalog : streams.stripe
}
