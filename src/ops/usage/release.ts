import { releaseUsage } from '../../charges/decisions.ts'
import type { AppContext } from '../../context.ts'
import type { By } from '../../log/by.ts'
import { assertKnownTenant } from '../../projections/tenants.ts'
import { decisionOf, shownDecision, type UsageDecision, type UsageDecisionInput } from './decision.ts'

/**
 * An amount above Stripe's largest is meant as it is: it is charged on several invoices.
 * @throws NotFound; AppError conflict where nothing is held
 */
export const release = (
  { transact }: Pick<AppContext, 'transact'>,
  by: By,
  input: UsageDecisionInput,
): Promise<UsageDecision> =>
  transact(by, async (turn) => {
    await assertKnownTenant(turn.trx, input.tenant_id)
    return shownDecision(input, 'released', await releaseUsage(turn, decisionOf(input)))
  })
