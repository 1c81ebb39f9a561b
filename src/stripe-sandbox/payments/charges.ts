import type Stripe from 'stripe'
import { listPage } from '../objects/lists.ts'
import { mergeMetadata, metadata, pagination, range, type ShapeOf, text } from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'
import { change, mustFind } from '../objects/turn.ts'

const listShape = {
  ...pagination,
  created: range.optional(),
  customer: text.optional(),
  payment_intent: text.optional(),
} satisfies ShapeOf<Stripe.ChargeListParams>

const updateShape = {
  description: text.optional(),
  metadata: metadata.optional(),
} satisfies ShapeOf<Stripe.ChargeUpdateParams>

export const chargeRoutes = [
  route('GET /v1/charges', listShape, (call) => {
    const { customer, payment_intent } = call.params
    return listPage(call, 'charge', '/v1/charges', call.params, { equal: { customer, payment_intent } })
  }),
  route('GET /v1/charges/:id', {}, (call) => mustFind(call, 'charge', call.id)),
  route('POST /v1/charges/:id', updateShape, (call) => {
    const charge = mustFind(call, 'charge', call.id)
    return change(call, 'charge.updated', charge, {
      ...charge,
      description: call.params.description ?? charge.description,
      metadata: mergeMetadata(charge.metadata, call.params.metadata),
    })
  }),
]
