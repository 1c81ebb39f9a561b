import type { FactData } from '../log/facts.ts'
import { isStripeObjectType, objectTypes, type StripeEvent } from '../stripe/object-types.ts'
import { isPinned } from '../stripe/webhook.ts'
import { customerNamedIn, type Owner } from './owner.ts'

/** Whose an event is, what it is about, and what is to become of it. */
export type Verdict = {
  disposition: FactData<'stripe.event_received'>['disposition']
  reason: string | null
  tenantId: string | null
  /** Also of an event that we do nothing with: it may have to be forgotten with its customer. */
  customerId: string | null
  objectType: string
  objectId: string
}

/**
 * By what is known now.
 * @param ownerOf whose an object is: asked where it matters
 * @throws for an object whose id is none
 */
export async function judge(
  event: StripeEvent,
  isLive: boolean,
  ownerOf: (shown: StripeEvent['data']) => Promise<Owner>,
): Promise<Verdict> {
  const { id, object }: { id?: unknown; object?: unknown } = event.data.object
  // An upcoming invoice has no id, because there is no such invoice yet.
  if (id !== undefined && id !== null && typeof id !== 'string')
    throw new TypeError("the object's id is no string")
  const nobodys = {
    tenantId: null,
    customerId: customerNamedIn(event.data),
    objectType: typeof object === 'string' ? object : 'unknown',
    objectId: id ?? 'none',
  }
  const type = isStripeObjectType(object) ? objectTypes[object] : undefined
  if (!type?.hasEvents || typeof id !== 'string')
    return { ...nobodys, disposition: 'ignored', reason: 'type' }
  if (event.livemode !== isLive) return { ...nobodys, disposition: 'quarantined', reason: 'livemode' }
  const ours = isPinned(event)
    ? { disposition: 'applied' as const, reason: null }
    : { disposition: 'refetched' as const, reason: `api_version ${event.api_version}` }
  if (type.owner === 'seller') return { ...nobodys, ...ours }
  const { tenantId, conflict } = await ownerOf(event.data)
  if (conflict !== null) return { ...nobodys, disposition: 'quarantined', reason: conflict }
  if (tenantId !== null) return { ...nobodys, tenantId, ...ours }
  if ('namesNoCustomer' in type) return { ...nobodys, disposition: 'refetched', reason: 'no customer' }
  return nobodys.customerId === null
    ? { ...nobodys, disposition: 'ignored', reason: 'no customer' }
    : { ...nobodys, disposition: 'parked', reason: 'unknown customer' }
}
