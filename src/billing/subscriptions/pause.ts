import { decidePause } from '../../outbox/requests/change-subscription.ts'
import type { Change } from './modify.ts'

/**
 * Stops collecting: invoices that fall into the pause are voided, and nothing is owed for it. Its `decide` throws AppError conflict for
 * one that has ended or has not begun.
 */
export const pause: Change = { operation: 'pause', decide: decidePause }
