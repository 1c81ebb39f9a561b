import type Stripe from 'stripe'
import * as p from '../objects/parameters.ts'
import { definedOf, resource, withGiven } from '../objects/resource.ts'
import { route } from '../objects/routes.ts'
import { mustFind } from '../objects/turn.ts'
import { checkOpen, closeDispute, giveEvidence } from './dispute.ts'

const evidence = p.hash(
  p.optional({
    access_activity_log: p.text,
    cancellation_rebuttal: p.text,
    customer_email_address: p.text,
    customer_name: p.text,
    customer_purchase_ip: p.text,
    product_description: p.text,
    refund_refusal_explanation: p.text,
    service_date: p.text,
    uncategorized_text: p.text,
  } satisfies p.ShapeOf<Stripe.DisputeUpdateParams.Evidence>),
)

const updateShape = p.optional({
  evidence,
  metadata: p.metadata,
  submit: p.yesNo,
} satisfies p.ShapeOf<Stripe.DisputeUpdateParams>)

const listShape = {
  charge: p.text,
  created: p.range,
  payment_intent: p.text,
} satisfies p.ShapeOf<Stripe.DisputeListParams>

const disputes = resource('dispute', '/v1/disputes')

export const disputeRoutes = [
  disputes.list(listShape),
  disputes.retrieve(),
  route('POST /v1/disputes/:id', updateShape, (call) => {
    const { evidence: given, submit = true, metadata } = call.params
    const before = mustFind(call, 'dispute', call.id)
    checkOpen(before)
    const after = withGiven(before, { metadata })
    if (given === undefined) {
      call.store.save(after)
      call.emit('charge.dispute.updated', after, before)
      return after
    }
    return giveEvidence(call, { ...after, evidence: { ...after.evidence, ...definedOf(given) } }, submit)
  }),
  disputes.act('close', {}, (call, dispute) => closeDispute(call, dispute, 'lost')),
]
