/** The id of what Stripe shows as an id or, expanded, as the object. */
export function idOf(value: unknown): string | null {
  return textOf(value) ?? textOf(memberOf(value, 'id'))
}

/** These read a payload that may be odd: what is missing or of another type is null, and never an error. */
export function textOf(value: unknown): string | null {
  if (typeof value !== 'string') return null
  // PostgreSQL refuses the one; the databases keep the other, half a character, each in its own way.
  return value.replaceAll('\0', '').toWellFormed() || null
}

export function integerOf(value: unknown): number | null {
  return Number.isSafeInteger(value) ? (value as number) : null
}

/** A percentage as parts per million: 33.3333 % is 333,333. Stripe has no finer ones. */
export function ppmOf(percent: unknown): number | null {
  return typeof percent === 'number' ? integerOf(Math.round(percent * 10_000)) : null
}

/** Unix seconds as UTC ISO 8601 with milliseconds. */
export function timeOf(value: unknown): string | null {
  const seconds = integerOf(value)
  return seconds === null || Math.abs(seconds) > lastSecond ? null : new Date(seconds * 1000).toISOString()
}

export function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

/** The end of JavaScript's calendar. */
const lastSecond = 8_640_000_000_000
