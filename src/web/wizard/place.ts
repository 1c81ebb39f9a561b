import type { SessionChange } from '../../client/types.ts'

export type Position = SessionChange['position']

export type Place =
  | 'customer'
  | 'card'
  | 'plan'
  | 'subscribe'
  | 'authenticate'
  | 'finish'
  | 'completed'
  | 'cancelled'
  | 'expired'
  | 'lapsed'

/** What this page knows beyond the position. */
export type Local = {
  /** A SetupIntent that it saw confirmed, of which a webhook may tell the service later. */
  confirmedIntent: string | null
  /** The visitor wants to see the plans again. */
  isChangingPlan: boolean
}

/** What to show for a position, and which of the six steps that is: the same in every tab and on every device. */
export function placeOf(
  position: Position,
  { confirmedIntent, isChangingPlan }: Local,
): { place: Place; step: number } {
  const { status, allowed_events: allowed, payment, subscription } = position
  if (status === 'cancelled' && subscription !== null) return { place: 'lapsed', step: 5 }
  if (status === 'completed' || status === 'cancelled' || status === 'expired')
    return { place: status, step: Math.min(6, position.steps_done.length) }
  if (allowed.includes('complete')) return { place: 'finish', step: 6 }
  if (subscription?.requires_action) return { place: 'authenticate', step: 5 }
  if (subscription !== null) return { place: 'lapsed', step: 5 }
  if (status === 'started') return { place: 'customer', step: 2 }
  const hasCard =
    payment.is_confirmed || (confirmedIntent !== null && confirmedIntent === payment.setup_intent_id)
  if (!hasCard || firstPaymentDeclined(position)) return { place: 'card', step: 3 }
  if (status !== 'plan_selected' || (isChangingPlan && allowed.includes('select_plan')))
    return { place: 'plan', step: 4 }
  return { place: 'subscribe', step: 5 }
}

/**
 * A confirmed card that the bank then refused to be paid with: another one is needed. That the bank wants to see the
 * customer is no refusal.
 */
export function firstPaymentDeclined({ payment }: Pick<Position, 'payment'>): boolean {
  return payment.is_confirmed && payment.decline !== null && !wantsCustomer.has(payment.decline.code)
}

const wantsCustomer = new Set(['subscription_payment_intent_requires_action', 'authentication_required'])
