import type { Sighting } from '../../log/sighting.ts'
import { memberOf, textOf } from '../../projections/read-value.ts'
import { keyInMetadata } from '../../stripe/call.ts'

export type InvoiceNames = ReturnType<typeof invoiceNames>

/**
 * How the model calls an invoice: Stripe's by its id, one of ours by the name that goes with the key in its metadata.
 * @param nameOf the model's name, by that key
 */
export function invoiceNames(nameOf: (key: string) => string | undefined) {
  const keys = new Map<string, string>()
  return {
    /** What Stripe shows of a deleted invoice has no metadata any more. */
    see(sighting: Sighting | undefined): void {
      if (sighting?.objectType !== 'invoice') return
      const key = textOf(memberOf(memberOf(sighting.object, 'metadata'), keyInMetadata))
      if (key !== null) keys.set(sighting.objectId, key)
    },
    isOurs: (invoiceId: string) => keys.has(invoiceId),
    of: (invoiceId: string) => nameOf(keys.get(invoiceId) ?? '') ?? invoiceId,
    ofKey: nameOf,
  }
}
