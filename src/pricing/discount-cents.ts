import type { SelectedDiscount } from '../../machines/onboarding-facts.ts'

/** What it takes off an amount: a percentage is rounded half up once, as Stripe does, and nothing goes below zero. */
export function discountCents(
  terms: Pick<SelectedDiscount, 'percent_off_ppm' | 'amount_off_cents'>,
  amountCents: number,
): number {
  const { percent_off_ppm: ppm, amount_off_cents: amountOffCents } = terms
  const off =
    ppm === null ? (amountOffCents ?? 0) : Number((BigInt(amountCents) * BigInt(ppm) + 500_000n) / 1_000_000n)
  return Math.min(amountCents, off)
}
