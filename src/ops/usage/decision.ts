import { z } from 'zod'
import { cents, tenantId, text, time, timeOut } from '../../db/fields.ts'
import { usageTypes } from '../../db/usage-types.ts'

/** What an operator decides about usage. Without a type: all of them. */
export const UsageDecisionInput = z.strictObject({
  tenant_id: tenantId,
  window_start: time.optional().meta({ description: 'The start of a service month' }),
  usage_type: z.enum(usageTypes).optional(),
  reason: text(500),
})
export type UsageDecisionInput = z.output<typeof UsageDecisionInput>

export const UsageDecision = z
  .object({
    tenant_id: z.string(),
    decision: z.enum(['forgiven', 'claimed', 'released']),
    window_start: timeOut
      .nullable()
      .meta({ description: 'Null: of times outside all service months, or of all that is held' }),
    usage_type: z.enum(usageTypes).nullable(),
    amount_cents: cents.meta({ description: 'What it comes to' }),
  })
  .meta({ id: 'UsageDecision' })
export type UsageDecision = z.infer<typeof UsageDecision>

export const shownDecision = (
  { tenant_id, window_start, usage_type }: UsageDecisionInput,
  decision: UsageDecision['decision'],
  amount: bigint,
): UsageDecision => ({
  ...{ tenant_id, decision, window_start: window_start ?? null, usage_type: usage_type ?? null },
  amount_cents: Number(amount),
})

/** As the decisions of `src/charges` take it. */
export const decisionOf = ({ tenant_id, window_start, usage_type, reason }: UsageDecisionInput) => ({
  tenantId: tenant_id,
  windowStart: window_start ?? null,
  type: usage_type ?? null,
  reason,
})
