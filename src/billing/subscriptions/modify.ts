import { type AppContext, requireStripe } from '../../context.ts'
import { takeIn } from '../../inbox/take-in.ts'
import type { Caller } from '../../log/by.ts'
import type { Operation } from '../../log/facts.ts'
import { ask, type Decision } from '../../outbox/ask.ts'
import { subscriptionRefusal } from '../../outbox/requests/create-subscription.ts'
import type { CallParams } from '../../stripe/call.ts'
import type { Observation } from '../../stripe/gateway.ts'
import {
  ownSubscription,
  type Subscription,
  type SubscriptionRow,
  shownSubscription,
} from '../../views/subscriptions.ts'

/** A change to a subscription: what is made by `modify` and foretold by `previewChange`. */
export type Change = {
  operation: Operation
  /** Whether the parameters of an operation of this kind that has not ended are those of this request. */
  isSame?: (params: CallParams) => boolean
  /** What was looked up at Stripe for it, to be in the log with it. */
  seen?: readonly Observation[]
  /** @throws AppError for a subscription that cannot be changed so */
  decide: (row: SubscriptionRow) => Decision
}

/** The way of every change to a subscription. @throws NotFound for another tenant's; what `decide` throws */
export async function modify(
  context: AppContext,
  by: Caller,
  subscriptionId: string,
  { operation, isSame = () => true, seen = [], decide }: Change,
  clientKey: string | undefined,
): Promise<Subscription> {
  requireStripe(context)
  const { reader } = context.db
  const { tenant_id: tenantId } = await ownSubscription(reader, subscriptionId, by)
  const order = {
    ...{ tenantId, operation, by, clientKey },
    isSame: ({ targetId, params }: { targetId: string | null; params: CallParams }) =>
      targetId === subscriptionId && isSame(params),
  }
  try {
    await ask(context, order, async (turn) => {
      const decision = decide(await ownSubscription(turn.trx, subscriptionId, by))
      await takeIn(turn, seen, { cause: `${subscriptionId}:${operation}:${turn.now}` })
      return decision
    })
  } catch (error) {
    throw subscriptionRefusal(error)
  }
  return shownSubscription(await ownSubscription(reader, subscriptionId, by))
}
