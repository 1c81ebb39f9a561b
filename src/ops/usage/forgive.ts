import { forgiveUsage } from '../../charges/decisions.ts'
import type { AppContext } from '../../context.ts'
import type { By } from '../../log/by.ts'
import { assertKnownTenant } from '../../projections/tenants.ts'
import { decisionOf, shownDecision, type UsageDecision, type UsageDecisionInput } from './decision.ts'

/**
 * Nobody has to pay what a service month owes and was not charged yet; without a month, what was used outside all of them so far.
 * @throws NotFound; AppError conflict where there is nothing to forgive
 */
export const forgive = (
  { transact }: Pick<AppContext, 'transact'>,
  by: By,
  input: UsageDecisionInput,
): Promise<UsageDecision> =>
  transact(by, async (turn) => {
    await assertKnownTenant(turn.trx, input.tenant_id)
    return shownDecision(input, 'forgiven', await forgiveUsage(turn, decisionOf(input)))
  })
