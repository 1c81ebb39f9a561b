import type Stripe from 'stripe'
import { nulls } from '../objects/blank.ts'
import { invalidRequest } from '../objects/errors.ts'
import { idOf, newId } from '../objects/ids.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { behaviourOf } from './payment-method.ts'

const day = 86_400
const noEvidence = nulls<Stripe.Dispute.Evidence>()

/** What follows from a charge of a card whose owner disputes every one. */
export function disputeCharge(turn: Turn, chargeId: string): void {
  const charge = mustFind(turn, 'charge', chargeId)
  const { dispute: kind } = behaviourOf(turn, charge.payment_method ?? '')
  if (kind === undefined || !charge.captured) return
  turn.store.save({ ...charge, disputed: true })
  const dispute = turn.store.save({
    id: newId('du'),
    object: 'dispute',
    amount: charge.amount,
    balance_transactions: [],
    charge: charge.id,
    created: turn.now,
    currency: charge.currency,
    enhanced_eligibility_types: [],
    evidence: {
      ...noEvidence('access_activity_log billing_address cancellation_policy cancellation_policy_disclosure'),
      ...noEvidence('cancellation_rebuttal customer_communication customer_email_address customer_name'),
      ...noEvidence('customer_purchase_ip customer_signature duplicate_charge_documentation'),
      ...noEvidence('duplicate_charge_explanation duplicate_charge_id product_description receipt'),
      ...noEvidence('refund_policy refund_policy_disclosure refund_refusal_explanation service_date'),
      ...noEvidence('service_documentation shipping_address shipping_carrier shipping_date'),
      ...noEvidence('shipping_documentation shipping_tracking_number uncategorized_file uncategorized_text'),
      enhanced_evidence: {},
    },
    evidence_details: {
      due_by: turn.now + 9 * day,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
      submission_method: 'not_submitted',
    },
    intended_submission_method: 'manual',
    is_charge_refundable: kind.isInquiry,
    livemode: false,
    metadata: {},
    network_reason_code: null,
    payment_intent: idOf(charge.payment_intent),
    payment_method_details: {
      type: 'card',
      card: {
        brand: charge.payment_method_details?.card?.brand ?? 'visa',
        case_type: kind.isInquiry ? 'inquiry' : 'chargeback',
        network: charge.payment_method_details?.card?.brand ?? 'visa',
        network_reason_code: null,
      },
    },
    reason: kind.reason,
    status: kind.isInquiry ? 'warning_needs_response' : 'needs_response',
  })
  turn.emit('charge.dispute.created', dispute)
  // An inquiry takes no money yet.
  if (!kind.isInquiry) turn.emit('charge.dispute.funds_withdrawn', dispute)
}

const isInquiry = ({ status }: Stripe.Dispute) => status.startsWith('warning_')

/**
 * Hands evidence in: test mode knows by its text how the bank decides (https://docs.stripe.com/testing#evidence), and any other
 * waits for ever. Kept without being handed in: nothing is decided.
 * @throws StripeFailure 400 for a dispute that is over
 */
export function giveEvidence(turn: Turn, dispute: Stripe.Dispute, isSubmitted: boolean): Stripe.Dispute {
  const { uncategorized_text: text } = dispute.evidence
  const details = { ...dispute.evidence_details, has_evidence: true }
  if (!isSubmitted) return updated(turn, { ...dispute, evidence_details: details })
  const submitted = updated(turn, {
    ...dispute,
    status: isInquiry(dispute) ? 'warning_under_review' : 'under_review',
    evidence_details: {
      ...details,
      submission_count: details.submission_count + 1,
      submission_method: 'manual',
    },
  })
  if (text === 'winning_evidence') return closeDispute(turn, submitted, 'won')
  return text === 'losing_evidence' ? closeDispute(turn, submitted, 'lost') : submitted
}

/** The bank has decided, or the seller gives in. @throws StripeFailure 400 for a dispute that is over */
export function closeDispute(turn: Turn, dispute: Stripe.Dispute, outcome: 'won' | 'lost'): Stripe.Dispute {
  checkOpen(dispute)
  const status = isInquiry(dispute) ? 'warning_closed' : outcome
  const closed = turn.store.save({ ...dispute, status })
  turn.emit('charge.dispute.closed', closed, dispute)
  if (status === 'won') turn.emit('charge.dispute.funds_reinstated', closed)
  return closed
}

/** @throws StripeFailure 400 */
export function checkOpen({ status }: Stripe.Dispute): void {
  if (/needs_response|under_review/.test(status)) return
  throw invalidRequest(`This dispute is already closed: its status is ${status}.`)
}

/** Whether the money of a charge is with the bank, or with the customer: there is none to refund. */
export const isWithdrawn = (turn: Turn, charge: Stripe.Charge): boolean =>
  charge.disputed &&
  turn.store
    .all('dispute', { charge: charge.id })
    .some((dispute) => !isInquiry(dispute) && dispute.status !== 'won')

function updated(turn: Turn, dispute: Stripe.Dispute): Stripe.Dispute {
  const before = mustFind(turn, 'dispute', dispute.id)
  checkOpen(before)
  turn.store.save(dispute)
  turn.emit('charge.dispute.updated', dispute, before)
  return dispute
}
