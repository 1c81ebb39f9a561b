import { billTenant } from '../charges/bill.ts'
import type { AppContext } from '../context.ts'
import type { EffectHandler } from '../effects/handler.ts'

/** The tenant's timer has rung: what is due for it is done, and the timer is set anew. */
export const billTimer = (
  context: Pick<AppContext, 'recordCounted'>,
): EffectHandler<'bill_tenant', void> => ({
  run: () => context.recordCounted(),
  done: (turn, { params }) => billTenant(turn, params.tenant_id),
})
