type Recurrence = { interval: string; interval_count: number }

const daySeconds = 24 * 60 * 60

/**
 * The time (unix seconds) `count` intervals after a time, in UTC. Months keep the day of `anchorDay` where the month has
 * it, else the last day: a subscription of 31 January renews on 28 February and on 31 March.
 */
export function addInterval(
  time: number,
  { interval, interval_count: count }: Recurrence,
  anchorDay?: number,
): number {
  if (interval === 'day') return time + count * daySeconds
  if (interval === 'week') return time + count * 7 * daySeconds
  const months = interval === 'year' ? count * 12 : count
  const date = new Date(time * 1000)
  const day = anchorDay ?? date.getUTCDate()
  date.setUTCDate(1)
  date.setUTCMonth(date.getUTCMonth() + months)
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate()
  date.setUTCDate(Math.min(day, lastDay))
  return date.getTime() / 1000
}

export function addDays(time: number, days: number): number {
  return time + days * daySeconds
}
