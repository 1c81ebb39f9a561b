import type { SelectedDiscount } from '../../machines/onboarding-facts.ts'

type Terms = Pick<SelectedDiscount, 'percent_off_ppm' | 'amount_off_cents'>

/** An amount on an invoice that discounts may lower. */
export type Discountable = { cents: number; productId: string | null }

/** What it takes off an amount: a percentage is rounded half up once, as Stripe does, and nothing goes below zero. */
export function discountCents(terms: Terms, amountCents: number): number {
  const { percent_off_ppm: ppm, amount_off_cents: amountOffCents } = terms
  const off =
    ppm === null ? (amountOffCents ?? 0) : Number((BigInt(amountCents) * BigInt(ppm) + 500_000n) / 1_000_000n)
  return Math.min(amountCents, off)
}

/**
 * What is left of an invoice's amounts after its discounts, one after the other, as Stripe does it: a percentage is rounded
 * half up of each amount; an amount off is used up to what they come to together, and spread over them.
 * @param discounts `product_ids`: the products that one lowers; null: all
 */
export function afterDiscounts(
  amounts: readonly Discountable[],
  discounts: readonly (Terms & { product_ids: readonly string[] | null })[],
): number[] {
  return discounts.reduce(
    (left, { product_ids: products, ...terms }) => {
      const isLowered = amounts.map(
        ({ productId }) => products === null || (productId !== null && products.includes(productId)),
      )
      const shares = sharesOf(
        terms,
        left.map((cents, at) => (isLowered[at] ? Math.max(0, cents) : 0)),
      )
      return left.map((cents, at) => cents - (shares[at] ?? 0))
    },
    amounts.map(({ cents }) => cents),
  )
}

/** What the discount takes off each amount. */
function sharesOf(terms: Terms, amounts: readonly number[]): number[] {
  if (terms.percent_off_ppm !== null) return amounts.map((cents) => discountCents(terms, cents))
  const total = amounts.reduce((sum, cents) => sum + cents, 0)
  const off = discountCents(terms, total)
  let upTo = 0
  let given = 0
  return amounts.map((cents) => {
    upTo += cents
    const share = total === 0 ? 0 : roundedPart(off, upTo, total) - given
    given += share
    return share
  })
}

/** `amount × part / whole`, rounded half up. */
const roundedPart = (amount: number, part: number, whole: number) =>
  Number((2n * BigInt(amount) * BigInt(part) + BigInt(whole)) / (2n * BigInt(whole)))
