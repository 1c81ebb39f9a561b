import type { AppContext } from '../../context.ts'
import type { Caller } from '../../log/by.ts'
import { decidePause } from '../../outbox/requests/change-subscription.ts'
import type { Subscription } from '../../views/subscriptions.ts'
import { modify } from './modify.ts'

/**
 * Stops collecting: invoices that fall into the pause are voided, and nothing is owed for it.
 * @throws AppError conflict for one that has ended or has not begun
 */
export const pauseSubscription = (
  context: AppContext,
  by: Caller,
  subscriptionId: string,
  { clientKey }: { clientKey: string | undefined },
): Promise<Subscription> =>
  modify(context, by, subscriptionId, { operation: 'pause', clientKey }, decidePause)
