import { z } from '@hono/zod-openapi'
import { isVisible } from '../db/text.ts'

/** What routes are described with. Bodies are `z.strictObject`: a field that nobody knows is refused by name. */

/** `{"success": true, "data": …}` */
export const envelope = <S extends z.ZodType>(data: S) => z.object({ success: z.literal(true), data })
export const success = <T>(data: T) => ({ success: true as const, data })

/** The `data` of a list: `next_cursor` goes into `cursor` for the next page, null after the last. */
export const listOf = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), next_cursor: z.string().nullable() })

/** The query of a list. */
export const page = z.object({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(100)
    .default(20)
    .openapi({ param: { description: 'Items of a page, 1 to 100' } }),
  cursor: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .openapi({ param: { description: '`next_cursor` of the page before' } }),
})

export const errorEnvelope = z
  .object({
    success: z.literal(false),
    error: z.object({
      code: z.string(),
      message: z.string(),
      details: z.record(z.string(), z.unknown()),
      request_id: z.string(),
    }),
  })
  .openapi('Error')

/** Of one line, with something to see in it, trimmed of nothing, of a bounded length. */
export const text = (maxLength: number) =>
  z
    .string()
    .max(maxLength)
    .regex(/^[^\p{Cc}]+$/u, 'must not be empty or contain control characters')
    .refine(isVisible, 'must not be blank')
    // The same for every reader of the document: \p needs a flag there.
    .openapi({ pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$' })

export const tenantId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/, 'must be a tenant id such as Jeturing_123')
  .openapi({ example: 'Jeturing_123' })

/** An id of Stripe's or of ours. */
export const resourceId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/, 'must be an id')

/** In: ISO 8601 with an offset or Z. Out: UTC with milliseconds, as it is stored. */
export const time = z.iso
  .datetime({ offset: true, error: 'must be a time such as 2024-01-31T23:59:59Z' })
  .transform((value) => new Date(value).toISOString())
  .openapi({ type: 'string', format: 'date-time' })

export const timeOut = z.string().openapi({ format: 'date-time' })
export const cents = z.int()

/** Any JSON object, free for callers to use; kept small because it is stored for ever. */
export const metadata = z
  .record(z.string().min(1).max(100), z.unknown())
  .refine((value) => JSON.stringify(value).length <= 4096, 'must be at most 4096 characters of JSON')
