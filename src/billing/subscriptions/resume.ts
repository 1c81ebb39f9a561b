import type { AppContext } from '../../context.ts'
import type { Caller } from '../../log/by.ts'
import type { Subscription } from '../../views/subscriptions.ts'
import { assertRunning, modify, nothingToAsk, wrongState } from './modify.ts'

/**
 * Takes a cancellation that has not come into force, and a pause, back.
 * @throws AppError conflict for one that has ended
 */
export async function resumeSubscription(
  context: AppContext,
  by: Caller,
  subscriptionId: string,
  { clientKey }: { clientKey: string | undefined },
): Promise<Subscription> {
  return modify(context, by, subscriptionId, {
    operation: 'resume',
    clientKey,
    isSame: () => true,
    prepare: nothingToAsk,
    async decide(row) {
      assertRunning(row, 'resumed')
      if (row.status === 'paused')
        throw wrongState(
          row,
          'Stripe has paused this subscription because its trial ended without a payment method: add one there',
        )
      const changes = {
        ...(row.cancel_at_period_end === 1 ? { cancel_at_period_end: false } : {}),
        ...(row.cancel_at_period_end === 0 && row.cancel_at !== null ? { cancel_at: '' } : {}),
        ...(row.is_paused === 1 ? { pause_collection: '' } : {}),
      }
      return Object.keys(changes).length === 0 ? null : changes
    },
  })
}
