import type Stripe from 'stripe'
import { noSuch } from '../objects/errors.ts'
import { listPage } from '../objects/lists.ts'
import { listOf, pagination, range, type ShapeOf, text, yesNo } from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'
import { mustFind } from '../objects/turn.ts'

const listShape = {
  ...pagination,
  created: range.optional(),
  delivery_success: yesNo.optional(),
  type: text.optional(),
  types: listOf(text).optional(),
} satisfies ShapeOf<Stripe.EventListParams>

const keptSeconds = 30 * 24 * 60 * 60

/** Events of the last 30 days. `pending` counts an event's deliveries that are still to succeed. */
export function eventRoutes(pending: (eventId: string) => number) {
  const fresh = (event: Stripe.Event): Stripe.Event => ({ ...event, pending_webhooks: pending(event.id) })
  return [
    route('GET /v1/events', listShape, (call) => {
      const { created, delivery_success: delivered, type, types } = call.params
      const oldest = call.now - keptSeconds
      const params = {
        ...call.params,
        created: { ...created, gte: Math.max(created?.gte ?? oldest, oldest) },
      }
      const wanted = type?.endsWith('.*') ? type.slice(0, -1) : undefined
      const page = listPage(call, 'event', '/v1/events', params, {
        equal: { type: wanted === undefined ? type : undefined },
        where: (event) =>
          (wanted === undefined || event.type.startsWith(wanted)) &&
          (types === undefined || types.includes(event.type)) &&
          (delivered === undefined || (pending(event.id) === 0) === delivered),
      })
      return { ...page, data: page.data.map(fresh) }
    }),
    route('GET /v1/events/:id', {}, (call) => {
      const event = mustFind(call, 'event', call.id)
      if (event.created < call.now - keptSeconds) throw noSuch('event', call.id)
      return fresh(event)
    }),
  ]
}
