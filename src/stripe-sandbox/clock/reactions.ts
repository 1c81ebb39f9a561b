import type Stripe from 'stripe'
import { settleInvoice } from '../invoices/collection.ts'
import type { Turn } from '../objects/turn.ts'
import { disputeCharge } from '../payments/dispute.ts'
import { unpaidSubscription } from '../subscriptions/dunning.ts'
import { dismissedSubscription, paidSubscription } from '../subscriptions/subscription-status.ts'

/** What follows from an event in the transaction that makes it: each rule is given the id of the event's object. */
const rules: { [type in Stripe.Event.Type]?: (turn: Turn, id: string) => void } = {
  'charge.succeeded': disputeCharge,
  'payment_intent.requires_action': settleInvoice,
  'payment_intent.payment_failed': settleInvoice,
  'payment_intent.succeeded': settleInvoice,
  'invoice.payment_action_required': unpaidSubscription,
  'invoice.payment_failed': unpaidSubscription,
  'invoice.overdue': unpaidSubscription,
  'invoice.paid': paidSubscription,
  'invoice.marked_uncollectible': dismissedSubscription,
  'invoice.voided': dismissedSubscription,
}

export function react(turn: Turn, type: Stripe.Event.Type, id: string): void {
  rules[type]?.(turn, id)
}
