import type Stripe from 'stripe'
import type { Running } from './start.ts'

export const seconds = (iso: string) => Date.parse(iso) / 1000
export const iso = (time: number | null | undefined) =>
  time === null || time === undefined ? null : new Date(time * 1000).toISOString().slice(0, 16)

export async function moveTo({ box }: Pick<Running, 'box'>, time: string | number): Promise<void> {
  await box.clock.advanceTo(typeof time === 'number' ? time : seconds(time))
}

/** What was told since a time, oldest first: when, and of what. */
export async function toldSince(stripe: Stripe, time: string): Promise<string[]> {
  const told: string[] = []
  for await (const { created, type } of stripe.events.list({ created: { gte: seconds(time) }, limit: 100 }))
    told.push(`${iso(created)} ${type}`)
  return told.reverse()
}

/** A subscription's invoices, oldest first. */
export async function invoicesOf(stripe: Stripe, subscription: string): Promise<Stripe.Invoice[]> {
  const invoices: Stripe.Invoice[] = []
  for await (const invoice of stripe.invoices.list({ subscription, limit: 100 })) invoices.push(invoice)
  return invoices.reverse()
}

/** A price of the plan Basic for another interval. */
export async function priceOf(
  stripe: Stripe,
  amount: number,
  interval: Stripe.PriceCreateParams.Recurring.Interval,
  count = 1,
  currency = 'usd',
): Promise<string> {
  const recurring = { interval, interval_count: count }
  return (await stripe.prices.create({ product: 'prod_basic', currency, unit_amount: amount, recurring })).id
}
