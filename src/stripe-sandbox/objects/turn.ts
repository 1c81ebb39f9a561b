import type Stripe from 'stripe'
import { noSuch } from './errors.ts'
import { newId } from './ids.ts'
import { present } from './present.ts'
import type { ObjectType, ObjectTypes, Store, StoredObject } from './store.ts'

export const apiVersion = '2026-10-28.endive'

/** One transaction of the sandbox at one moment: everything a resource's rules may touch. */
export type Turn = {
  readonly store: Store
  /** Unix seconds. */
  readonly now: number
  /** Unix milliseconds. */
  readonly nowMs: number
  readonly baseUrl: string
  emit(type: Stripe.Event.Type, object: StoredObject, before?: StoredObject): void
}

/** Called for each event in the transaction that makes it, to enter its deliveries; answers how many there are. */
export type EnterDeliveries = (event: { id: string; type: string }) => number

export function startTurn(options: {
  store: Store
  nowMs: number
  baseUrl: string
  request: Stripe.Event.Request
  enterDeliveries: EnterDeliveries
  /** Does what follows at once from an event that was made. */
  react: (turn: Turn, type: Stripe.Event.Type, objectId: string) => void
}): Turn {
  const { store, nowMs, baseUrl, request, enterDeliveries, react } = options
  const now = Math.floor(nowMs / 1000)
  const turn: Turn = {
    store,
    now,
    nowMs,
    baseUrl,
    emit: (type, object, before) => {
      const id = newId('evt')
      const shown = present(object, now)
      const changed = before && differences(present(before, now), shown)
      const event = {
        id,
        object: 'event',
        api_version: apiVersion,
        created: now,
        data: { object: shown, ...(changed && { previous_attributes: changed }) },
        livemode: false,
        pending_webhooks: enterDeliveries({ id, type }),
        request,
        type,
      }
      // The SDK's union of events is by literal type; this is the one place that makes them all.
      store.save(event as unknown as Stripe.Event)
      react(turn, type, object.id)
    },
  }
  return turn
}

/** @throws StripeFailure `resource_missing`, 400 if `param` names the parameter that held the id, else 404 */
export function mustFind<K extends ObjectType>(
  turn: Turn,
  type: K,
  id: string,
  param?: string,
): ObjectTypes[K] {
  const found = turn.store.find(type, id)
  if (!found) throw noSuch(names[type] ?? type.replaceAll('_', ' '), id, param)
  return found
}

/** Saves, and tells of it with what was there before; nothing is told where nothing changed. */
export function change<T extends StoredObject>(turn: Turn, type: Stripe.Event.Type, before: T, after: T): T {
  turn.store.save(after)
  const changed = differences(present(before, turn.now), present(after, turn.now))
  if (Object.keys(changed).length > 0) turn.emit(type, after, before)
  return after
}

/** The earlier values of what differs, level by level, as in an event's `previous_attributes`. */
function differences(before: object, after: object): Record<string, unknown> {
  const old = before as Record<string, unknown>
  const fresh = after as Record<string, unknown>
  const changed: Record<string, unknown> = {}
  for (const key of new Set([...Object.keys(old), ...Object.keys(fresh)])) {
    const was = old[key]
    const is = fresh[key]
    if (JSON.stringify(was) === JSON.stringify(is)) continue
    changed[key] = isHash(was) && isHash(is) ? differences(was, is) : (was ?? null)
  }
  return changed
}

const isHash = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const names: Partial<Record<ObjectType, string>> = {
  payment_method: 'PaymentMethod',
  setup_intent: 'setupintent',
  payment_intent: 'payment_intent',
  invoiceitem: 'invoiceitem',
  'test_helpers.test_clock': 'test clock',
}
