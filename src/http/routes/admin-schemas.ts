import { z } from '@hono/zod-openapi'
import { cents, timeOut } from '../schemas.ts'

/** A row of a table as it stands there. */
export const row = z.record(z.string(), z.union([z.string(), z.number(), z.null()]))

export const flag = z
  .enum(['true', 'false'])
  .transform((value) => value === 'true')
  .openapi({ type: 'boolean' })

export const wholeNumber = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

export const usageTypeOut = z.enum(['agent', 'user', 'case', 'event_ingestion', 'api_call', 'platform_base'])

export const fact = z
  .object({
    position: z.int(),
    stream: z.string(),
    version: z.int(),
    fact_id: z.string(),
    type: z.string(),
    tenant_id: z.string().nullable(),
    data: z.record(z.string(), z.unknown()).openapi({
      description:
        '`personal` is `[personal]` where the fact has something personal; of one fact alone, `[erased]` where that was erased',
    }),
    metadata: z.record(z.string(), z.unknown()),
    about: z.string().nullable().openapi({
      description: 'What its type leaves out, such as `invoice.payment_failed in_… card_declined`',
    }),
    occurred_at: timeOut,
    recorded_at: timeOut,
  })
  .openapi('Fact')

export const sessionListing = z
  .object({
    session_id: z.string(),
    tenant_id: z.string(),
    status: z.string(),
    position: z
      .string()
      .nullable()
      .openapi({ description: 'Place in the statechart, such as plan_selected.creating_subscription' }),
    version: z.int(),
    is_quarantined: z.boolean(),
    created_at: timeOut,
    updated_at: timeOut,
    expires_at: timeOut,
  })
  .openapi('AdminSession')

export const pricedLine = z.object({ usage_type: usageTypeOut, quantity: z.int(), amount_cents: cents })
