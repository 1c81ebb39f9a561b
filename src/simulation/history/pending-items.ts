import type { Sighting } from '../../log/sighting.ts'
import type { StripeObjects } from '../../stripe/object-types.ts'

type Pending = { subscription: string; cents: number }

/** What waits at Stripe for the next renewal of a subscription, such as the prorations of a change, as far as it was seen. */
export function pendingItems() {
  const items = new Map<string, Pending>()
  const gone = new Set<string>()
  return {
    centsOf: (subscription: string) =>
      [...items.values()]
        .filter((item) => item.subscription === subscription)
        .reduce((sum, { cents }) => sum + cents, 0),

    /** The subscriptions for which something else waits now. */
    see(sighting: Sighting | undefined): Set<string> {
      if (sighting?.objectType === 'invoiceitem') return seeItem(sighting as Sighting<'invoiceitem'>)
      if (sighting?.objectType === 'invoice') return seeInvoice(sighting as Sighting<'invoice'>)
      return new Set()
    },
  }

  function seeItem({ object, objectId, isDeleted }: Sighting<'invoiceitem'>): Set<string> {
    if (isDeleted || object.invoice !== null) return take(objectId)
    const subscription = object.parent?.subscription_details?.subscription
    if (typeof subscription !== 'string' || gone.has(objectId)) return new Set()
    if (items.get(objectId)?.cents === object.amount) return new Set()
    items.set(objectId, { subscription, cents: object.amount })
    return new Set([subscription])
  }

  function seeInvoice({ object }: Sighting<'invoice'>): Set<string> {
    return new Set((object.lines?.data ?? []).flatMap((line) => [...take(itemOf(line))]))
  }

  /** It is on an invoice, or is no more. */
  function take(itemId: string | null): Set<string> {
    if (itemId === null) return new Set()
    gone.add(itemId)
    const item = items.get(itemId)
    items.delete(itemId)
    return new Set(item === undefined ? [] : [item.subscription])
  }
}

export function itemOf({ parent }: StripeObjects['invoice']['lines']['data'][number]): string | null {
  return parent?.invoice_item_details?.invoice_item ?? parent?.subscription_item_details?.invoice_item ?? null
}
