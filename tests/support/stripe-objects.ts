import type { StripeObjects } from '../../src/stripe/object-types.ts'
import { epoch, type RawObject } from './facts.ts'

/** Stripe's objects with the members that matter here; `change` is laid over them. */
export const customer = (change: object = {}): RawObject => ({ id: 'cus_1', created: epoch, ...change })
export const subscription = (status: string, change: object = {}): RawObject => ({
  id: 'sub_1',
  created: epoch,
  customer: 'cus_1',
  status,
  items: { data: [] },
  ...change,
})
export const invoice = (status: string, change: object = {}): RawObject => ({
  id: 'in_1',
  created: epoch,
  customer: 'cus_1',
  currency: 'usd',
  status,
  total: 5000,
  amount_paid: status === 'paid' ? 5000 : 0,
  period_start: epoch,
  period_end: epoch + 1000,
  status_transitions: { paid_at: status === 'paid' ? epoch + 1000 : null },
  ...change,
})
export const paymentMethod = (change: object = {}): RawObject => ({
  id: 'pm_1',
  created: epoch,
  customer: 'cus_1',
  type: 'card',
  card: { brand: 'visa', last4: '4242', exp_month: 12, exp_year: 2030 },
  ...change,
})
export const coupon = (id: string): StripeObjects['coupon'] => ({
  id,
  object: 'coupon',
  created: epoch,
  livemode: false,
  name: null,
  percent_off: 5,
  amount_off: null,
  currency: null,
  duration: 'once',
  duration_in_months: null,
  metadata: null,
  max_redemptions: null,
  redeem_by: null,
  times_redeemed: 0,
  valid: true,
})
