import { z } from 'zod'
import { isVisible } from './text.ts'

/**
 * What the fields of requests and replies are made of. A reply's schema and its type stand under one name beside what
 * makes the reply. Bodies are `z.strictObject`: a field that nobody knows is refused by name.
 */

/** Of one line, with something to see in it, trimmed of nothing, of a bounded length. */
export const text = (maxLength: number) =>
  z
    .string()
    .max(maxLength)
    .regex(/^[^\p{Cc}]+$/u, 'must not be empty or contain control characters')
    .refine(isVisible, 'must not be blank')
    // The same for every reader of the document: \p needs a flag there.
    .meta({ pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$' })

export const tenantId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/, 'must be a tenant id such as Jeturing_123')
  .meta({ example: 'Jeturing_123' })

/** An id of Stripe's or of ours. */
export const resourceId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/, 'must be an id')

/** In: ISO 8601 with an offset or Z. Out: UTC with milliseconds, as it is stored. */
export const time = z.iso
  .datetime({ offset: true, error: 'must be a time such as 2024-01-31T23:59:59Z' })
  .transform((value) => new Date(value).toISOString())
  .meta({ type: 'string', format: 'date-time' })

/** The end of a period, which is not part of it. One given as hh:mm:59, without a fraction, is meant to include that second. */
export const periodEnd = z.iso
  .datetime({ offset: true, error: 'must be a time such as 2024-01-31T23:59:59Z' })
  .transform((value) => {
    const isLastSecond = /:59(Z|[+-][\d:]+)$/i.test(value)
    return new Date(Date.parse(value) + (isLastSecond ? 1000 : 0)).toISOString()
  })
  .meta({ type: 'string', format: 'date-time' })

export const timeOut = z.string().meta({ format: 'date-time' })
export const cents = z.int()

/** Any JSON object, free for callers to use; kept small because it is stored for ever. */
export const freeMetadata = z
  .record(z.string().min(1).max(100), z.unknown())
  .refine((value) => JSON.stringify(value).length <= 4096, 'must be at most 4096 characters of JSON')

/** `true` or `false`. */
export const queryFlag = z
  .enum(['true', 'false'])
  .transform((value) => value === 'true')
  .meta({ type: 'boolean' })

/** In a query or a path. */
export const wholeNumber = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

/** A row of a table as it stands there. */
export const tableRow = z.record(z.string(), z.union([z.string(), z.number(), z.null()]))

/** A reply's fields, by its schema's own list: the columns to read of a table, and no others. */
export const fieldsOf = <S extends z.ZodRawShape>(reply: z.ZodObject<S>) =>
  Object.keys(reply.shape) as (keyof S & string)[]

/** The part of a row that a reply shows as it stands. */
export function pickFields<S extends z.ZodRawShape, R extends object>(
  reply: z.ZodObject<S>,
  row: R,
): Pick<R, keyof S & keyof R> {
  const fields: ReadonlySet<string> = new Set(fieldsOf(reply))
  return Object.fromEntries(Object.entries(row).filter(([column]) => fields.has(column))) as Pick<
    R,
    keyof S & keyof R
  >
}
