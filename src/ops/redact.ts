import { z } from 'zod'
import { pickFields, timeOut } from '../db/fields.ts'
import type { Fact } from '../log/facts.ts'
import { maskValue } from '../logging/mask.ts'
import { aboutOf } from './about.ts'

/**
 * A fact for an operator's screen: that there is personal data is shown as `personal: '[personal]'`, and not what it is. What
 * is sealed in no fact was empty, and is left out.
 */
export const RedactedFact = z
  .object({
    position: z.int(),
    stream: z.string(),
    version: z.int(),
    fact_id: z.string(),
    type: z.string(),
    tenant_id: z.string().nullable(),
    data: z.record(z.string(), z.unknown()).meta({
      description:
        '`personal` is `[personal]` where the fact has something personal; of one fact alone, `[erased]` where that was erased',
    }),
    metadata: z.record(z.string(), z.unknown()),
    about: z.string().nullable().meta({
      description: 'What its type leaves out, such as `invoice.payment_failed in_… card_declined`',
    }),
    occurred_at: timeOut,
    recorded_at: timeOut,
  })
  .meta({ id: 'Fact' })
export type RedactedFact = z.infer<typeof RedactedFact>

export function redact(fact: Fact): RedactedFact {
  const { personal, ...data } = fact.data as Record<string, unknown>
  const masked = maskValue(data)
  return {
    ...pickFields(RedactedFact, fact),
    data: fact.subject === null || personal === undefined ? masked : { ...masked, personal: '[personal]' },
    about: aboutOf(fact),
  }
}
