/**
 * An amount as people write it, $1,141.09, in the one way that the pages have too.
 * @param currency ISO 4217, in any case. Null: not known, and the amount is in minor units
 */
export function money(cents: number, currency: string | null): string {
  if (!currency) return `${new Intl.NumberFormat('en').format(cents)} cents`
  const format = new Intl.NumberFormat('en', { style: 'currency', currency })
  return format.format(cents / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2))
}

/** With its sign, for a difference: +$16.00. */
export const moneyChange = (cents: number, currency: string | null) =>
  `${cents > 0 ? '+' : ''}${money(cents, currency)}`
