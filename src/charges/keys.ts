import { createHash } from 'node:crypto'

/**
 * Idempotency keys of what is asked of Stripe for a tenant, which stand in the object's metadata too: at most 255 characters, and
 * whose they are is not to be read in them.
 */
export const chargeKey = (tenantId: string, ...parts: readonly string[]) =>
  ['stepledger', createHash('sha256').update(tenantId).digest('hex').slice(0, 24), ...parts].join(':')

/** The base that our call has put on a subscription's first invoice. @param made the key of that call */
export const firstBaseKey = (made: string) => `${made}:base`

/** The fact that closes a window. */
export const closingId = (windowId: string) => `window:${windowId}:closed`
