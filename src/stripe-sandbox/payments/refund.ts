import type Stripe from 'stripe'
import { nulls } from '../objects/blank.ts'
import { invalidRequest, missing } from '../objects/errors.ts'
import { idOf, newId } from '../objects/ids.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { money } from './amounts.ts'
import { isWithdrawn } from './dispute.ts'

export type RefundInput = {
  charge: Stripe.Charge
  /** In the smallest unit; without it, all that is left. */
  amount?: number | undefined
  reason?: 'duplicate' | 'fraudulent' | 'requested_by_customer' | undefined
  metadata?: Stripe.Metadata
}

const none = nulls<Stripe.Refund>()

/** Gives back a charge, or a part of it. @throws StripeFailure 400 where that is more than what is left */
export function makeRefund(turn: Turn, { charge, amount, reason, metadata }: RefundInput): Stripe.Refund {
  if (charge.refunded)
    throw invalidRequest(`Charge ${charge.id} has already been refunded.`, {
      code: 'charge_already_refunded',
    })
  if (!charge.paid || !charge.captured)
    throw invalidRequest(`Charge ${charge.id} was never captured: there is nothing to refund.`, {
      code: 'charge_not_refundable',
    })
  if (isWithdrawn(turn, charge))
    throw invalidRequest(`Charge ${charge.id} has been charged back; cannot issue a refund.`, {
      code: 'charge_disputed',
    })
  const left = charge.amount_captured - charge.amount_refunded
  const given = amount ?? left
  if (given < 1)
    throw invalidRequest('This value must be greater than or equal to 1.', {
      code: 'parameter_invalid_integer',
      param: 'amount',
    })
  if (given > left)
    throw invalidRequest(
      `Refund amount (${money(given, charge.currency)}) is greater than unrefunded amount on charge (${money(left, charge.currency)})`,
      { param: 'amount' },
    )
  const refund = turn.store.save({
    id: newId('re'),
    object: 'refund',
    ...none('balance_transaction customer_account receipt_number source_transfer_reversal'),
    ...none('transfer_reversal'),
    amount: given,
    charge: charge.id,
    created: turn.now,
    currency: charge.currency,
    customer: idOf(charge.customer),
    destination_details: {
      type: 'card',
      card: { reference_status: 'pending', reference_type: 'acquirer_reference_number', type: 'refund' },
    },
    metadata: metadata ?? {},
    payment_intent: idOf(charge.payment_intent),
    payment_method: charge.payment_method,
    reason: reason ?? null,
    status: 'succeeded',
  })
  turn.emit('refund.created', refund)
  const after = turn.store.save({
    ...charge,
    amount_refunded: charge.amount_refunded + given,
    refunded: given === left,
  })
  turn.emit('charge.refunded', after, charge)
  return refund
}

/** The charge that a request to refund names, by itself or by its payment intent. */
export function refundedCharge(
  turn: Turn,
  { charge, payment_intent: intentId }: { charge?: string | undefined; payment_intent?: string | undefined },
): Stripe.Charge {
  if (charge !== undefined && intentId !== undefined)
    throw invalidRequest('You may only specify one of these parameters: charge, payment_intent.', {
      code: 'parameters_exclusive',
    })
  if (charge !== undefined) return mustFind(turn, 'charge', charge, 'charge')
  if (intentId === undefined) throw missing('payment_intent')
  const intent = mustFind(turn, 'payment_intent', intentId, 'payment_intent')
  const latest = turn.store.find('charge', idOf(intent.latest_charge) ?? '')
  if (intent.status !== 'succeeded' || !latest)
    throw invalidRequest(`This PaymentIntent (${intent.id}) does not have a successful charge to refund.`)
  return latest
}
