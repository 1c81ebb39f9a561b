import { decideResume } from '../../outbox/requests/change-subscription.ts'
import type { Change } from './modify.ts'

/** Takes a cancellation that has not come into force, and a pause, back. Its `decide` throws AppError conflict for one that has ended. */
export const resumption: Change = { operation: 'resume', decide: decideResume }
