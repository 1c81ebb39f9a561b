import { type AppContext, requireStripe } from '../../context.ts'
import type { Turn } from '../../effects/turn.ts'
import { AppError } from '../../errors.ts'
import type { Caller } from '../../log/by.ts'
import type { Operation } from '../../log/facts.ts'
import { operate } from '../../outbox/operate.ts'
import {
  isLive,
  ownSubscription,
  type Subscription,
  type SubscriptionRow,
  shownSubscription,
} from '../../views/subscriptions.ts'
import { asRefusal } from './refusals.ts'

/** `P`: what has to be asked of Stripe first. */
export type Change<P> = {
  operation: Operation
  clientKey: string | undefined
  /** Whether the parameters of a pending operation of this kind are those of this request. */
  isSame: (params: Record<string, unknown>) => boolean
  prepare: () => Promise<P>
  /** The update's parameters, null when the subscription is as wanted already; or throws. */
  decide: (
    row: SubscriptionRow,
    about: { turn: Turn; prepared: P },
  ) => Promise<Record<string, unknown> | null>
}

/** The way of every change to a subscription. @throws NotFound for another tenant's */
export async function modify<P>(
  context: AppContext,
  by: Caller,
  subscriptionId: string,
  { operation, clientKey, isSame, prepare, decide }: Change<P>,
): Promise<Subscription> {
  requireStripe(context)
  const { reader } = context.db
  const { tenant_id: tenantId } = await ownSubscription(reader, subscriptionId, by)
  try {
    await operate(context, {
      tenantId,
      operation,
      by,
      clientKey,
      isSame: ({ targetId, params }) => targetId === subscriptionId && isSame(params),
      prepare,
      async decide(turn, { prepared }) {
        const row = await ownSubscription(turn.trx, subscriptionId, by)
        const params = await decide(row, { turn, prepared })
        return params === null ? subscriptionId : { targetId: subscriptionId, params: () => params }
      },
    })
  } catch (error) {
    throw asRefusal(error, {})
  }
  return shownSubscription(await ownSubscription(reader, subscriptionId, by))
}

/** Of a change for which our own row says all. */
export const nothingToAsk = async () => undefined

/** @throws AppError conflict, with the status, for a subscription that has ended or has not begun */
export function assertRunning(row: SubscriptionRow, what: string): void {
  if (!isLive(row)) throw wrongState(row, `This subscription has ended: it cannot be ${what}`)
  if (row.status === 'incomplete')
    throw wrongState(row, `This subscription waits for its first payment: it cannot be ${what} before`)
}

/** No use in sending the same request again. */
export const wrongState = ({ status, is_paused, cancel_at_period_end }: SubscriptionRow, message: string) =>
  new AppError('conflict', message, {
    details: { status, is_paused: is_paused === 1, cancel_at_period_end: cancel_at_period_end === 1 },
  })
