import type { AppContext } from '../../context.ts'
import type { Caller } from '../../log/by.ts'
import { decideCancel } from '../../outbox/requests/change-subscription.ts'
import type { Subscription } from '../../views/subscriptions.ts'
import { modify } from './modify.ts'

/**
 * Ends a subscription: when what is paid for is over, or now.
 * @throws AppError conflict for one that still waits for its first payment and is not to end now
 */
export const cancelSubscription = (
  context: AppContext,
  by: Caller,
  subscriptionId: string,
  { atPeriodEnd, clientKey }: { atPeriodEnd: boolean; clientKey: string | undefined },
): Promise<Subscription> =>
  modify(
    context,
    by,
    subscriptionId,
    {
      operation: 'cancel',
      clientKey,
      isSame: (params) => 'cancel_at_period_end' in params === atPeriodEnd,
    },
    (row) => decideCancel(row, { atPeriodEnd }),
  )
