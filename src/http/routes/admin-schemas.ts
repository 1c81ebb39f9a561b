import { z } from '@hono/zod-openapi'
import { cents, timeOut } from '../../db/fields.ts'

export const usageTypeOut = z.enum(['agent', 'user', 'case', 'event_ingestion', 'api_call', 'platform_base'])

export const fact = z
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

export const pricedLine = z.object({ usage_type: usageTypeOut, quantity: z.int(), amount_cents: cents })
