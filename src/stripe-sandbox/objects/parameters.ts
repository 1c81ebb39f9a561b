import { z } from 'zod'
import { currencies } from './currencies.ts'
import { invalidRequest, missing, type StripeFailure } from './errors.ts'

type FormValue = string | FormHash
/** A decoded form; lists are hashes with the keys `0`, `1`… */
export type FormHash = { [key: string]: FormValue }

/** Names of parameters checked against the SDK's type, so that a parameter which Stripe dropped fails to compile. */
export type ShapeOf<P> = { [K in keyof P]?: z.ZodType }

/** @throws StripeFailure 400 in Stripe's words for the first parameter that is unknown, missing or of a wrong type */
export function parseParameters<S extends z.ZodRawShape>(
  schema: z.ZodObject<S>,
  form: FormHash,
): z.output<z.ZodObject<S>> {
  const parsed = schema.safeParse(form)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw issue ? explain(issue, form) : invalidRequest('Invalid parameters')
}

export const text = z.string().min(1)
/** An empty value unsets. */
export const clearable = z.string().transform((value) => (value === '' ? null : value))
export const whole = z
  .string()
  .regex(/^-?\d{1,15}$/, 'integer')
  .transform(Number)
/** Stays the text that it was: no number holds twelve decimals of everything. */
export const exactDecimal = z.string().regex(/^-?\d{1,12}(\.\d{1,12})?$/, 'decimal')
export const decimal = exactDecimal.transform(Number)
/** Python's client writes `True`. */
export const yesNo = z
  .string()
  .regex(/^(true|false)$/i, 'boolean')
  .transform((value) => value.toLowerCase() === 'true')
export const currency = z
  .string()
  .transform((value) => value.toLowerCase())
  .refine((value) => currencies.has(value), 'Stripe does not support this currency')
export const webUrl = z.string().regex(/^https?:\/\/\S+$/, 'URL')
export const nowOrTime = z
  .string()
  .regex(/^(now|\d{1,12})$/, 'timestamp')
  .transform((value) => (value === 'now' ? ('now' as const) : Number(value)))

export const oneOf = <const V extends readonly [string, ...string[]]>(...values: V) => z.enum(values)
export type OptionalShape<S extends z.ZodRawShape> = { [K in keyof S]: z.ZodOptional<S[K]> }
/** Parameters that may be left out. */
export function optional<S extends z.ZodRawShape>(shape: S): OptionalShape<S> {
  return z.object(shape).partial().shape
}
export const hash = <S extends z.ZodRawShape>(shape: S) => z.strictObject(shape)
export const emptyable = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? null : value), schema.nullable())
/** https://docs.stripe.com/api/metadata */
const mostKeys = 50
export const listOf = <T extends z.ZodType>(item: T) => z.preprocess(toArray, z.array(item))

/** `''` clears all; a key with an empty value is removed. */
export const metadata = emptyable(
  z
    .record(z.string(), z.string())
    .refine((given) => Object.keys(given).length <= mostKeys, `has up to ${mostKeys} keys`)
    .refine((given) => Object.keys(given).every((key) => key.length <= 40), 'keys have up to 40 characters')
    .refine(
      (given) => Object.values(given).every((value) => value.length <= 500),
      'values have up to 500 characters',
    ),
)
const part = clearable.default(null)
/** Always has its six keys. */
export const address = hash({
  city: part,
  country: part,
  line1: part,
  line2: part,
  postal_code: part,
  state: part,
})
export const range = z.preprocess(
  (value) => (typeof value === 'string' ? { gte: value, lte: value } : value),
  hash({ gt: whole.optional(), gte: whole.optional(), lt: whole.optional(), lte: whole.optional() }),
)
export const pagination = {
  limit: whole.optional(),
  starting_after: text.optional(),
  ending_before: text.optional(),
}
export type Pagination = {
  limit?: number | undefined
  starting_after?: string | undefined
  ending_before?: string | undefined
}

/** Stripe merges metadata key by key. */
export function mergeMetadata(
  before: Record<string, string> | null,
  change: Record<string, string> | null | undefined,
): Record<string, string> {
  if (change === undefined) return before ?? {}
  if (change === null) return {}
  const kept = Object.entries({ ...before, ...change }).filter(([, value]) => value !== '')
  if (kept.length > mostKeys)
    throw invalidRequest(`Invalid metadata: has up to ${mostKeys} keys`, { param: 'metadata' })
  return Object.fromEntries(kept)
}

function toArray(value: unknown): unknown {
  if (value === '') return []
  if (typeof value !== 'object' || value === null) return value
  const keys = Object.keys(value)
  if (!keys.every((key) => /^\d+$/.test(key))) return value
  return keys.sort((a, b) => Number(a) - Number(b)).map((key) => (value as FormHash)[key])
}

function explain(issue: z.core.$ZodIssue, form: FormHash): StripeFailure {
  if (issue.code === 'unrecognized_keys') {
    const param = nameOf([...issue.path, issue.keys[0] ?? ''])
    return invalidRequest(`Received unknown parameter: ${param}`, { code: 'parameter_unknown', param })
  }
  const param = nameOf(issue.path)
  const value = valueAt(form, issue.path)
  if (value === undefined) return missing(param)
  if (value === '') {
    return invalidRequest(
      `You passed an empty string for '${param}'. We assume empty values are an attempt to unset a parameter; however '${param}' cannot be unset. You should remove '${param}' from your request or supply a non-empty value.`,
      { code: 'parameter_invalid_empty', param },
    )
  }
  const shown = typeof value === 'string' ? value : JSON.stringify(value)
  if (issue.code === 'invalid_format') {
    const code =
      issue.message === 'integer' || issue.message === 'timestamp' ? 'parameter_invalid_integer' : undefined
    return invalidRequest(`Invalid ${issue.message}: ${shown}`, code ? { code, param } : { param })
  }
  if (issue.code === 'invalid_value') {
    return invalidRequest(`Invalid ${param}: must be one of ${issue.values.join(', ')}`, { param })
  }
  if (issue.code === 'invalid_type') return invalidRequest(`Invalid ${issue.expected}: ${shown}`, { param })
  return invalidRequest(`Invalid ${param}: ${issue.message}`, { param })
}

function nameOf(path: PropertyKey[]): string {
  const [first, ...rest] = path.map(String)
  return `${first ?? ''}${rest.map((key) => `[${key}]`).join('')}`
}

function valueAt(form: FormHash, path: PropertyKey[]): unknown {
  let value: unknown = form
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return value
    value = (value as Record<PropertyKey, unknown>)[key]
  }
  return value
}
