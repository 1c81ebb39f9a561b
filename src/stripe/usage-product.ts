import Stripe from 'stripe'

/** What usage and the platform base are sold as. It is no plan, and is made when it is first needed. */
export const usageProductId = 'stepledger_usage'

const known = new WeakSet<Stripe>()

/**
 * The product is there from now on. It is asked for before a call that needs it, and once by each process: a call that has
 * failed for want of it might be refused under its key for a day.
 */
export async function ensureUsageProduct(stripe: Stripe): Promise<void> {
  if (known.has(stripe)) return
  await stripe.products.create({ id: usageProductId, name: 'Usage', active: true }).catch(unlessThere)
  known.add(stripe)
}

function unlessThere(error: unknown): void {
  if (error instanceof Stripe.errors.StripeError && error.code === 'resource_already_exists') return
  throw error
}
