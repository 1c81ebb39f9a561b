import type { SessionChange } from '../../client/types.ts'

export type Position = SessionChange['position']

/** The pages in their order. Steps 2 and 6 have none: the wizard takes them by itself. */
export const pages = ['details', 'card', 'plan', 'subscribe'] as const
export type Page = (typeof pages)[number]

export type Screen = Page | 'authenticate' | 'finish' | 'completed' | 'cancelled' | 'expired' | 'lapsed'

/** What this page knows beyond the position. */
export type Local = {
  /** A SetupIntent that it saw confirmed, of which a webhook may tell the service later. */
  confirmedIntent: string | null
  /** An earlier page that the visitor has gone back to. */
  lookingAt: Page | null
}

/**
 * What to show for a position, and which of the four pages that belongs to (5: all are done): the same in every tab and
 * on every device, but where the visitor looks at an earlier page.
 */
export function screenOf(position: Position, local: Local): { screen: Screen; step: number } {
  const screen = furthest(position, local)
  const { lookingAt } = local
  const reached = pages.indexOf(screen as Page)
  if (lookingAt !== null && pages.indexOf(lookingAt) < reached)
    return { screen: lookingAt, step: pages.indexOf(lookingAt) + 1 }
  if (reached !== -1) return { screen, step: reached + 1 }
  if (screen === 'completed') return { screen, step: 5 }
  return { screen, step: position.plan !== null ? 4 : position.payment.is_confirmed ? 3 : 2 }
}

function furthest(position: Position, local: Local): Screen {
  const { status, allowed_events: allowed, subscription } = position
  if (status === 'cancelled' && subscription !== null) return 'lapsed'
  if (status === 'completed' || status === 'cancelled' || status === 'expired') return status
  if (allowed.includes('complete')) return 'finish'
  if (subscription?.requires_action) return 'authenticate'
  if (subscription !== null) return 'lapsed'
  if (!hasCard(position, local) || firstPaymentDeclined(position)) return 'card'
  return status === 'plan_selected' ? 'subscribe' : 'plan'
}

export function hasCard({ payment }: Position, { confirmedIntent }: Pick<Local, 'confirmedIntent'>): boolean {
  return payment.is_confirmed || (confirmedIntent !== null && confirmedIntent === payment.setup_intent_id)
}

/**
 * A confirmed card that the bank then refused to be paid with: another one is needed. That the bank wants to see the
 * customer is no refusal.
 */
export function firstPaymentDeclined({ payment }: Pick<Position, 'payment'>): boolean {
  return payment.is_confirmed && payment.decline !== null && !wantsCustomer.has(payment.decline.code)
}

const wantsCustomer = new Set(['subscription_payment_intent_requires_action', 'authentication_required'])
