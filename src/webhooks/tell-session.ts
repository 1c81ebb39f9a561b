import type { By } from '../context.ts'
import type { Trx } from '../db/tables.ts'
import type { NewFact, StripeObjectType } from '../log/facts.ts'
import { applyToSession } from '../onboarding/from-stripe.ts'
import { sessionOf } from '../onboarding/store.ts'

/**
 * An event becomes a fact of the onboarding sessions that it is about, if the statechart takes it now: those of the
 * same customer, and the one whose own call has made the object.
 */
export async function tellSession(
  trx: Trx,
  event: NewFact<'stripe.event_received' | 'stripe.event_released'>,
  object: object,
  { by, now }: { by: By; now: string },
): Promise<void> {
  const { event_id, event_type, object_type, customer_id } = event.data
  const metadata = 'metadata' in object ? (object.metadata as Record<string, string> | null) : null
  const rows = await trx
    .selectFrom('onboarding_sessions')
    .selectAll()
    .where('status', 'not in', ['completed', 'cancelled', 'expired'])
    .where('tenant_id', '=', event.tenant_id ?? '')
    .where((eb) =>
      eb.or([eb('customer_id', '=', customer_id ?? ''), eb('session_id', '=', metadata?.session_id ?? '')]),
    )
    .execute()
  const seen = {
    objectType: object_type as StripeObjectType,
    isDeleted: event_type === 'customer.deleted',
    object,
  }
  for (const row of rows)
    await applyToSession(trx, await sessionOf(trx, row), seen, {
      by,
      now,
      cause: `${event_id}:${row.session_id}`,
    })
}
