import { type AppContext, requireStripe } from '../../context.ts'
import type { Reader } from '../../db/tables.ts'
import type { By } from '../../log/by.ts'
import { askStripe } from '../../stripe/ask-stripe.ts'
import type { Observation, StripeGateway } from '../../stripe/gateway.ts'
import { takeIn } from '../take-in.ts'
import { isChanged } from './is-changed.ts'

/**
 * What Stripe has under a code now: its promotion codes, their coupons, the coupon of that name; and, as deleted, what
 * we know under the code and Stripe has no more.
 */
export async function lookUpDiscount(
  stripe: StripeGateway,
  reader: Reader,
  code: string,
): Promise<Observation[]> {
  const rows = await reader
    .selectFrom('billing_discounts')
    .select('discount_id')
    .where('kind', '=', 'coupon')
    .where('is_deleted', '=', 0)
    .where((eb) => eb(eb.fn<string>('lower', ['code']), '=', code.toLowerCase()))
    .execute()
  return askStripe(() =>
    stripe.findDiscount(
      code,
      rows.map((row) => row.discount_id),
    ),
  )
}

/** Asks Stripe about a code, and brings the tables up to what it says, whether or not an event has told of it. */
export async function refreshDiscount(context: AppContext, code: string, by: By): Promise<Observation[]> {
  const { db } = context
  const observations = await lookUpDiscount(requireStripe(context), db.reader, code)
  const changed: Observation[] = []
  for (const each of observations) if (await isChanged(db.reader, each)) changed.push(each)
  if (changed.length > 0)
    await context.transact(by, (turn) => takeIn(turn, changed, { cause: `discount:${code}:${turn.now}` }))
  return observations
}
