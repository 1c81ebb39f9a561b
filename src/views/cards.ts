import type { Row } from '../db/tables.ts'

/** A card is good to the end of its month, UTC; what has no such date never expires. */
export function isExpired(
  { exp_month, exp_year }: Pick<Row<'billing_payment_methods'>, 'exp_month' | 'exp_year'>,
  now: Date,
): boolean {
  return exp_month !== null && exp_year !== null && now.getTime() >= Date.UTC(exp_year, exp_month, 1)
}
