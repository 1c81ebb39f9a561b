import type Stripe from 'stripe'
import type { StripeObjectType } from './object-types.ts'

/** Of any call, as the log has them. */
export type CallParams = Record<string, unknown>
type Answer = { id: string }

/**
 * A call that changes something at Stripe. `run` makes the call; `find` looks for what an earlier call under this
 * key has made, for when the outcome is unknown and the key is forgotten: by a list, which shows writes at once
 * (Search does not), and by the key that we put in the object's metadata.
 */
export type Call<P> = {
  objectType: StripeObjectType
  /** The answer shows the object as it was at its creation. */
  isCreate: boolean
  run(stripe: Stripe, targetId: string, params: P, options: Stripe.RequestOptions): Promise<Answer>
  find?(stripe: Stripe, params: P, key: string): Promise<Answer | undefined>
}

/** The member of an object's metadata that holds the key of the call that made it. */
export const keyInMetadata = 'stepledger_key'
/** Of a subscription's: the platform base, in cents, that the call has put on its first invoice. */
export const baseInMetadata = 'stepledger_base_cents'

type Marked = Answer & { metadata?: Stripe.Metadata | null }

export const madeUnder = (key: string) => (object: Marked) => object.metadata?.[keyInMetadata] === key

/** The first object of a list that was made under the key. */
export async function firstOf<T extends Marked>(list: AsyncIterable<T>, key: string): Promise<T | undefined> {
  const isOurs = madeUnder(key)
  for await (const object of list) if (isOurs(object)) return object
  return undefined
}
