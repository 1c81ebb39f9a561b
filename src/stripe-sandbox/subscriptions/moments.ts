import type Stripe from 'stripe'
import { idOf } from '../objects/ids.ts'
import { setTimer } from '../objects/timer.ts'
import type { Turn } from '../objects/turn.ts'
import { nextBoundary } from './periods.ts'

const daySeconds = 24 * 60 * 60
const incompleteSeconds = 23 * 60 * 60
export const trialNoticeSeconds = 3 * daySeconds
/** Of the days that an account can choose, https://docs.stripe.com/billing/subscriptions/webhooks, the sandbox plays seven. */
const upcomingNoticeSeconds = 7 * daySeconds

/** What happens to a subscription by itself; of one second in this order. */
export const kindsOfMoment = [
  'expire',
  'resume_collection',
  'end_discounts',
  'cancel',
  'begin_period',
  'tell_trial_end',
  'tell_upcoming',
] as const
type Kind = (typeof kindsOfMoment)[number]

/** When each thing happens to a subscription as it stands, unix seconds; null where it does not. */
export function momentsOf(turn: Turn, subscription: Stripe.Subscription): Record<Kind, number | null> {
  const { cancel_at, pause_collection: pause, status, trial_end: trialEnd } = subscription
  const runs = ['active', 'past_due', 'trialing', 'unpaid'].includes(status)
  const lives = runs || status === 'paused'
  const boundary = nextBoundary(subscription)
  const notice = boundary - upcomingNoticeSeconds
  const ending = subscription.items.data.find((item) => item.current_period_end === boundary)
  const isLong = notice > (ending?.current_period_start ?? notice)
  const isTold = isLong && pause === null && (cancel_at === null || cancel_at > boundary)
  return {
    expire: firstPaymentBy(turn, subscription),
    resume_collection: lives ? (pause?.resumes_at ?? null) : null,
    end_discounts: lives ? firstEnd(turn, subscription) : null,
    cancel: lives ? cancel_at : null,
    begin_period: runs ? boundary : null,
    tell_trial_end: status === 'trialing' && trialEnd !== null ? trialEnd - trialNoticeSeconds : null,
    tell_upcoming: runs && isTold ? notice : null,
  }
}

/** Has a subscription's next moment played when it comes. What is only told is not told again when it is over. */
export function awaitNextMoment(turn: Turn, subscription: Stripe.Subscription): void {
  const { tell_trial_end, tell_upcoming, ...done } = momentsOf(turn, subscription)
  const told = [tell_trial_end, tell_upcoming].filter((at) => at !== null && at > turn.now)
  const next = [...Object.values(done), ...told].filter((at) => at !== null)
  if (next.length > 0) setTimer(turn, 'advance_subscription', subscription.id, Math.min(...next))
}

/** Until when the first invoice has to be paid, or that by which a paused subscription is resumed. */
function firstPaymentBy(turn: Turn, { status, latest_invoice }: Stripe.Subscription): number | null {
  if (status !== 'incomplete' && status !== 'paused') return null
  const invoice = turn.store.find('invoice', idOf(latest_invoice) ?? '')
  const waits = invoice?.status === 'draft' || invoice?.status === 'open'
  return waits ? invoice.created + incompleteSeconds : null
}

function firstEnd(turn: Turn, subscription: Stripe.Subscription): number | null {
  const ends = subscription.discounts.flatMap((each) => turn.store.find('discount', idOf(each))?.end ?? [])
  return ends.length === 0 ? null : Math.min(...ends)
}
