import type Stripe from 'stripe'
import { nulls } from '../objects/blank.ts'
import type { Turn } from '../objects/turn.ts'

const none = nulls<Stripe.Subscription>()

/** A subscription as it is before anything was asked of it. */
export function blankSubscription(
  turn: Turn,
  id: string,
  customerId: string,
  items: Stripe.SubscriptionItem[],
): Stripe.Subscription {
  return {
    id,
    object: 'subscription',
    ...none('application application_fee_percent billing_cycle_anchor_config billing_thresholds'),
    ...none('cancel_at canceled_at customer_account days_until_due default_payment_method'),
    ...none('default_source description ended_at latest_invoice managed_payments'),
    ...none('next_pending_invoice_item_invoice on_behalf_of pause_collection payment_settings'),
    ...none('pending_invoice_item_interval pending_setup_intent pending_update schedule test_clock'),
    ...none('transfer_data trial_end trial_settings trial_start'),
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: turn.now,
    billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
    billing_schedules: [],
    cancel_at_period_end: false,
    cancellation_details: { comment: null, feedback: null, feedback_option: null, reason: null },
    collection_method: 'charge_automatically',
    created: turn.now,
    currency: items[0]?.price.currency ?? 'usd',
    customer: customerId,
    default_tax_rates: [],
    discounts: [],
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    items: { object: 'list', data: items, has_more: false, url: `/v1/subscription_items?subscription=${id}` },
    livemode: false,
    metadata: {},
    start_date: turn.now,
    status: 'incomplete',
  }
}
