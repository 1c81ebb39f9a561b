import type Stripe from 'stripe'
import { invalidRequest } from '../objects/errors.ts'
import { listPage } from '../objects/lists.ts'
import {
  mergeMetadata,
  metadata,
  oneOf,
  pagination,
  range,
  type ShapeOf,
  text,
  whole,
} from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'
import { mustFind } from '../objects/turn.ts'
import { makeRefund, refundedCharge } from './refund.ts'

const createShape = {
  amount: whole.optional(),
  charge: text.optional(),
  metadata: metadata.optional(),
  payment_intent: text.optional(),
  reason: oneOf('duplicate', 'fraudulent', 'requested_by_customer').optional(),
} satisfies ShapeOf<Stripe.RefundCreateParams>

const listShape = {
  ...pagination,
  charge: text.optional(),
  created: range.optional(),
  payment_intent: text.optional(),
} satisfies ShapeOf<Stripe.RefundListParams>

export const refundRoutes = [
  route('POST /v1/refunds', createShape, (call) => {
    const { amount, reason, metadata: given } = call.params
    const charge = refundedCharge(call, call.params)
    return makeRefund(call, { charge, amount, reason, metadata: mergeMetadata({}, given) })
  }),
  route('GET /v1/refunds', listShape, (call) => {
    const { charge, payment_intent } = call.params
    return listPage(call, 'refund', '/v1/refunds', call.params, { equal: { charge, payment_intent } })
  }),
  route('GET /v1/refunds/:id', {}, (call) => mustFind(call, 'refund', call.id)),
  route('POST /v1/refunds/:id', { metadata: metadata.optional() }, (call) => {
    const before = mustFind(call, 'refund', call.id)
    const after = call.store.save({
      ...before,
      metadata: mergeMetadata(before.metadata ?? {}, call.params.metadata),
    })
    // Stripe tells of it by the name of today and by that of yesterday.
    call.emit('refund.updated', after, before)
    call.emit('charge.refund.updated', after, before)
    return after
  }),
  route('POST /v1/refunds/:id/cancel', {}, (call) => {
    const { status } = mustFind(call, 'refund', call.id)
    throw invalidRequest(`Only a refund that requires action can be canceled; this one is ${status}.`)
  }),
]
