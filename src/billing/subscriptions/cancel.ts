import { z } from 'zod'
import { decideCancel } from '../../outbox/requests/change-subscription.ts'
import type { Change } from './modify.ts'

export const Cancellation = z.strictObject({ at_period_end: z.boolean().default(true) })

/**
 * Ends a subscription: when what is paid for is over, or now. Its `decide` throws AppError conflict for one that still waits for its
 * first payment and is not to end now.
 */
export const cancellation = ({ at_period_end: atPeriodEnd }: z.output<typeof Cancellation>): Change => ({
  operation: 'cancel',
  isSame: (params) => 'cancel_at_period_end' in params === atPeriodEnd,
  decide: (row) => decideCancel(row, { atPeriodEnd }),
})
