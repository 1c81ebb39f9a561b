import type Stripe from 'stripe'
import { invalidRequest } from '../objects/errors.ts'
import * as p from '../objects/parameters.ts'
import { resource, withGiven } from '../objects/resource.ts'
import { route } from '../objects/routes.ts'
import { mustFind } from '../objects/turn.ts'
import { makeRefund, refundedCharge } from './refund.ts'

const createShape = p.optional({
  amount: p.whole,
  charge: p.text,
  metadata: p.metadata,
  payment_intent: p.text,
  reason: p.oneOf('duplicate', 'fraudulent', 'requested_by_customer'),
} satisfies p.ShapeOf<Stripe.RefundCreateParams>)

const listShape = {
  charge: p.text,
  created: p.range,
  payment_intent: p.text,
} satisfies p.ShapeOf<Stripe.RefundListParams>

const updateShape = p.optional({ metadata: p.metadata } satisfies p.ShapeOf<Stripe.RefundUpdateParams>)

const refunds = resource('refund', '/v1/refunds')

export const refundRoutes = [
  refunds.create(createShape, (call) => {
    const { amount, reason, metadata } = call.params
    return makeRefund(call, {
      charge: refundedCharge(call, call.params),
      amount,
      reason,
      metadata: p.mergeMetadata({}, metadata),
    })
  }),
  refunds.list(listShape),
  refunds.retrieve(),
  route('POST /v1/refunds/:id', updateShape, (call) => {
    const before = mustFind(call, 'refund', call.id)
    const after = call.store.save(withGiven(before, call.params))
    // Stripe tells of it by the name of today and by that of yesterday.
    call.emit('refund.updated', after, before)
    call.emit('charge.refund.updated', after, before)
    return after
  }),
  refunds.act('cancel', {}, (_call, { status }) => {
    throw invalidRequest(`Only a refund that requires action can be canceled; this one is ${status}.`)
  }),
]
