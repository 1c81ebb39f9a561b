import { type AppContext, requireStripe } from '../../context.ts'
import type { Turn } from '../../effects/turn.ts'
import type { Caller } from '../../log/by.ts'
import type { Operation } from '../../log/facts.ts'
import { ask, type Decision } from '../../outbox/ask.ts'
import { subscriptionRefusal } from '../../outbox/requests/create-subscription.ts'
import {
  ownSubscription,
  type Subscription,
  type SubscriptionRow,
  shownSubscription,
} from '../../views/subscriptions.ts'

type Change = {
  operation: Operation
  clientKey: string | undefined
  /** Whether the parameters of an operation of this kind that has not ended are those of this request. */
  isSame?: (params: Record<string, unknown>) => boolean
}

/** The way of every change to a subscription. @throws NotFound for another tenant's; what `decide` throws */
export async function modify(
  context: AppContext,
  by: Caller,
  subscriptionId: string,
  { operation, clientKey, isSame = () => true }: Change,
  decide: (row: SubscriptionRow, turn: Turn) => Decision | Promise<Decision>,
): Promise<Subscription> {
  requireStripe(context)
  const { reader } = context.db
  const { tenant_id: tenantId } = await ownSubscription(reader, subscriptionId, by)
  const order = {
    ...{ tenantId, operation, by, clientKey },
    isSame: ({ targetId, params }: { targetId: string | null; params: Record<string, unknown> }) =>
      targetId === subscriptionId && isSame(params),
  }
  try {
    await ask(context, order, async (turn) =>
      decide(await ownSubscription(turn.trx, subscriptionId, by), turn),
    )
  } catch (error) {
    throw subscriptionRefusal(error)
  }
  return shownSubscription(await ownSubscription(reader, subscriptionId, by))
}
