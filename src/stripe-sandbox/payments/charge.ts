import type Stripe from 'stripe'
import { nulls } from '../objects/blank.ts'
import { idOf, newId } from '../objects/ids.ts'
import type { Turn } from '../objects/turn.ts'
import type { Decline } from './cards.ts'

const none = nulls<Stripe.Charge>()
const noneOfCard = nulls<Stripe.Charge.PaymentMethodDetails.Card>()

/** Records what the bank did with a payment: charged, authorised only (to be captured), or declined. */
export function recordCharge(
  turn: Turn,
  intent: Stripe.PaymentIntent,
  method: Stripe.PaymentMethod,
  outcome: 'captured' | 'authorized' | Decline,
): Stripe.Charge {
  const decline = typeof outcome === 'object' ? outcome : undefined
  const captured = outcome === 'captured'
  const charge = turn.store.save({
    id: newId('ch'),
    object: 'charge',
    ...none('application application_fee application_fee_amount balance_transaction'),
    ...none('failure_balance_transaction on_behalf_of receipt_number receipt_url review shipping'),
    ...none('source source_transfer statement_descriptor statement_descriptor_suffix transfer_data'),
    ...none('transfer_group'),
    amount: intent.amount,
    amount_captured: captured ? intent.amount : 0,
    amount_refunded: 0,
    billing_details: method.billing_details,
    calculated_statement_descriptor: 'STRIPE SANDBOX',
    captured,
    created: turn.now,
    currency: intent.currency,
    customer: idOf(intent.customer),
    description: intent.description,
    disputed: false,
    failure_code: decline?.code ?? null,
    failure_message: decline?.message ?? null,
    fraud_details: {},
    livemode: false,
    metadata: intent.metadata,
    outcome: {
      advice_code: null,
      network_advice_code: null,
      network_decline_code: null,
      network_status: decline ? 'declined_by_network' : 'approved_by_network',
      reason: decline?.declineCode ?? null,
      risk_level: 'normal',
      seller_message: decline
        ? 'The bank did not return any further details with this decline.'
        : 'Payment complete.',
      type: decline ? 'issuer_declined' : 'authorized',
    },
    paid: !decline,
    payment_intent: intent.id,
    payment_method: method.id,
    payment_method_details: {
      type: 'card',
      card: {
        ...noneOfCard('authorization_code electronic_commerce_indicator installments mandate'),
        ...noneOfCard('network_transaction_id three_d_secure transaction_link_id wallet'),
        amount_authorized: decline ? null : intent.amount,
        brand: method.card?.brand ?? null,
        checks: method.card?.checks ?? null,
        country: method.card?.country ?? null,
        exp_month: method.card?.exp_month ?? 12,
        exp_year: method.card?.exp_year ?? 2030,
        fingerprint: method.card?.fingerprint ?? null,
        funding: method.card?.funding ?? null,
        last4: method.card?.last4 ?? null,
        network: method.card?.brand ?? null,
        regulated_status: 'unregulated',
      },
    },
    receipt_email: intent.receipt_email,
    refunded: false,
    status: decline ? 'failed' : 'succeeded',
  })
  turn.emit(decline ? 'charge.failed' : 'charge.succeeded', charge)
  return charge
}
