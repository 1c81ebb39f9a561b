import type Stripe from 'stripe'
import * as p from '../objects/parameters.ts'
import { resource } from '../objects/resource.ts'

const listShape = {
  created: p.range,
  customer: p.text,
  payment_intent: p.text,
} satisfies p.ShapeOf<Stripe.ChargeListParams>

const updateShape = {
  description: p.text,
  metadata: p.metadata,
} satisfies p.ShapeOf<Stripe.ChargeUpdateParams>

const charges = resource('charge', '/v1/charges')

export const chargeRoutes = [
  charges.list(listShape),
  charges.retrieve(),
  charges.update(updateShape, 'charge.updated'),
]
