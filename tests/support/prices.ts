import type Stripe from 'stripe'

/** Recurring prices of the plan Basic that have no one amount for a period: tiers, a meter, the customer's choice, fractions. */
export async function makeUnfixedPrices(stripe: Stripe): Promise<string[]> {
  const monthly = { interval: 'month' } as const
  const shapes: Omit<Stripe.PriceCreateParams, 'currency'>[] = [
    {
      recurring: monthly,
      billing_scheme: 'tiered',
      tiers_mode: 'graduated',
      tiers: [
        { up_to: 10, unit_amount: 500 },
        { up_to: 'inf', unit_amount: 400 },
      ],
    },
    { recurring: { ...monthly, usage_type: 'metered', meter: 'mtr_1' }, unit_amount: 10 },
    { recurring: monthly, custom_unit_amount: { enabled: true } },
    { recurring: monthly, unit_amount_decimal: '0.5' as unknown as Stripe.Decimal },
  ]
  const prices = await Promise.all(
    shapes.map((shape) => stripe.prices.create({ product: 'prod_basic', currency: 'usd', ...shape })),
  )
  return prices.map(({ id }) => id)
}
