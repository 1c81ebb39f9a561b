import type { AppContext } from '../../context.ts'
import type { Caller } from '../../log/by.ts'
import { isLive, type Subscription } from '../../views/subscriptions.ts'
import { modify, nothingToAsk, wrongState } from './modify.ts'

/**
 * Ends a subscription: when what is paid for is over, or now.
 * @throws AppError conflict for one that still waits for its first payment and is not to end now
 */
export async function cancelSubscription(
  context: AppContext,
  by: Caller,
  subscriptionId: string,
  { atPeriodEnd, clientKey }: { atPeriodEnd: boolean; clientKey: string | undefined },
): Promise<Subscription> {
  return modify(context, by, subscriptionId, {
    operation: 'cancel',
    clientKey,
    isSame: (params) => 'cancel_at_period_end' in params === atPeriodEnd,
    prepare: nothingToAsk,
    async decide(row) {
      if (!isLive(row)) return null
      if (!atPeriodEnd) return {}
      if (row.status === 'incomplete')
        throw wrongState(
          row,
          'This subscription waits for its first payment: cancel it with at_period_end false',
        )
      return row.cancel_at_period_end === 1 ? null : { cancel_at_period_end: true }
    },
  })
}
