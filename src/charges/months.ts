/** UTC ISO 8601 with milliseconds, of unix milliseconds. */
export const isoOf = (ms: number) => new Date(ms).toISOString()
export const later = (time: string, ms: number) => isoOf(Date.parse(time) + ms)
export const latest = (...times: string[]): string => times.toSorted().at(-1) ?? ''
export const earliest = (...times: string[]): string => times.toSorted()[0] ?? ''

export const minuteMs = 60_000
export const dayMs = 86_400_000

/** The same day and time so many months after the anchor, or the month's last day where it is shorter. */
export function addMonths(anchor: string, months: number): string {
  const date = new Date(anchor)
  const day = date.getUTCDate()
  date.setUTCDate(1)
  date.setUTCMonth(date.getUTCMonth() + months)
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate()
  date.setUTCDate(Math.min(day, last))
  return date.toISOString()
}

/** The service month in which a time lies, not before the anchor's first. */
export function monthAt(anchor: string, time: string): { start: string; end: string } {
  const [from, to] = [new Date(anchor), new Date(time)]
  const apart = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth()
  const month = Math.max(0, addMonths(anchor, apart) <= time ? apart : apart - 1)
  return { start: addMonths(anchor, month), end: addMonths(anchor, month + 1) }
}
