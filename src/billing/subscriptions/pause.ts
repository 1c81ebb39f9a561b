import type { AppContext } from '../../context.ts'
import type { Caller } from '../../log/by.ts'
import type { Subscription } from '../../views/subscriptions.ts'
import { assertRunning, modify, nothingToAsk } from './modify.ts'

/**
 * Stops collecting: invoices that fall into the pause are voided, and nothing is owed for it.
 * @throws AppError conflict for one that has ended or has not begun
 */
export async function pauseSubscription(
  context: AppContext,
  by: Caller,
  subscriptionId: string,
  { clientKey }: { clientKey: string | undefined },
): Promise<Subscription> {
  return modify(context, by, subscriptionId, {
    operation: 'pause',
    clientKey,
    isSame: () => true,
    prepare: nothingToAsk,
    async decide(row) {
      assertRunning(row, 'paused')
      return row.is_paused === 1 ? null : { pause_collection: { behavior: 'void' } }
    },
  })
}
