import { claimUsage } from '../../charges/decisions.ts'
import type { AppContext } from '../../context.ts'
import { InvalidRequest } from '../../errors.ts'
import type { By } from '../../log/by.ts'
import { assertKnownTenant } from '../../projections/tenants.ts'
import { decisionOf, shownDecision, type UsageDecision, type UsageDecisionInput } from './decision.ts'

/**
 * Counts of times outside all service months, so far, go to the month that is open, or else to the next one to begin.
 * @throws NotFound; InvalidRequest with `window_start`; AppError conflict where there is nothing to claim
 */
export const claim = (
  { transact }: Pick<AppContext, 'transact'>,
  by: By,
  input: UsageDecisionInput,
): Promise<UsageDecision> => {
  if (input.window_start !== undefined)
    throw new InvalidRequest([
      { path: 'window_start', message: 'must be left out: what is claimed was used outside all months' },
    ])
  return transact(by, async (turn) => {
    await assertKnownTenant(turn.trx, input.tenant_id)
    return shownDecision(input, 'claimed', await claimUsage(turn, decisionOf(input)))
  })
}
