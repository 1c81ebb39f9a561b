import type Stripe from 'stripe'
import { noSuch } from '../objects/errors.ts'
import * as p from '../objects/parameters.ts'
import { resource } from '../objects/resource.ts'

const listShape = {
  created: p.range,
  delivery_success: p.yesNo,
  type: p.text,
  types: p.listOf(p.text),
} satisfies p.ShapeOf<Stripe.EventListParams>

const keptSeconds = 30 * 24 * 60 * 60

/** Events of the last 30 days. `pending` counts an event's deliveries that are still to succeed. */
export function eventRoutes(pending: (eventId: string) => number) {
  const events = resource('event', '/v1/events', (_turn, event) => ({
    ...event,
    pending_webhooks: pending(event.id),
  }))
  return [
    events.list(listShape, ({ delivery_success: delivered, type, types }, { now }) => {
      const start = type?.endsWith('.*') ? type.slice(0, -1) : undefined
      return {
        equal: { type: start === undefined ? type : undefined },
        since: now - keptSeconds,
        where: (event) =>
          (start === undefined || event.type.startsWith(start)) &&
          (types === undefined || types.includes(event.type)) &&
          (delivered === undefined || (pending(event.id) === 0) === delivered),
      }
    }),
    events.retrieve((call, event) => {
      if (event.created < call.now - keptSeconds) throw noSuch('event', call.id)
    }),
  ]
}
