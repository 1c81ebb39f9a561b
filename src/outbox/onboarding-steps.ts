import { finalStatuses } from '../../machines/onboarding-steps.ts'
import type { Reader } from '../db/tables.ts'
import { Conflict } from '../errors.ts'
import { sessionOf } from '../inbox/sessions/store.ts'
import { pendingCall } from '../session/calls.ts'

/**
 * An onboarding step of the tenant that waits for Stripe may be making what the caller is about to make.
 * @throws Conflict
 */
export async function assertNoPendingStep(reader: Reader, tenantId: string): Promise<void> {
  const rows = await reader
    .selectFrom('onboarding_sessions')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('status', 'not in', finalStatuses)
    .execute()
  for (const row of rows)
    if (pendingCall(await sessionOf(reader, row)) !== null)
      throw new Conflict("A step of this tenant's onboarding is waiting for Stripe; send the request again", {
        session_id: row.session_id,
      })
}
