import { type AppContext, requireStripe } from '../../context.ts'
import type { By } from '../../log/by.ts'
import { askStripe } from '../../stripe/ask-stripe.ts'
import { takeIn } from '../take-in.ts'

/** Brings products, prices, coupons and promotion codes up to what Stripe has now. Returns how many had changed. */
export async function syncCatalogue(context: AppContext, by: By = { actor: 'startup' }): Promise<number> {
  const observations = await askStripe(() => requireStripe(context).catalogue())
  const changed = await context.transact(by, (turn) =>
    takeIn(turn, observations, { cause: `catalogue:${turn.now}` }),
  )
  return changed.length
}
