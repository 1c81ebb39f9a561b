import type { AppContext } from '../../context.ts'
import type { Caller } from '../../log/by.ts'
import { decideResume } from '../../outbox/requests/change-subscription.ts'
import type { Subscription } from '../../views/subscriptions.ts'
import { modify } from './modify.ts'

/**
 * Takes a cancellation that has not come into force, and a pause, back.
 * @throws AppError conflict for one that has ended
 */
export const resumeSubscription = (
  context: AppContext,
  by: Caller,
  subscriptionId: string,
  { clientKey }: { clientKey: string | undefined },
): Promise<Subscription> =>
  modify(context, by, subscriptionId, { operation: 'resume', clientKey }, decideResume)
