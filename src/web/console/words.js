/** `2026-11-02 09:00:01`, UTC. @param {string} iso */
export const clock = (iso) => iso.slice(0, 19).replace('T', ' ')

/** `$1,141.09`, as the command line prints it too. @param {number} cents @param {string | null} [currency] */
export function money(cents, currency) {
  const code = (currency ?? 'usd').toUpperCase()
  try {
    const format = new Intl.NumberFormat('en', { style: 'currency', currency: code })
    return format.format(cents / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2))
  } catch {
    return `${cents} ${code}`
  }
}

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${grouped(count)} ${count === 1 ? one : many}`

/** How long it lasts, in its largest unit: "3 days", "5 hours". @param {number} seconds */
export function lasting(seconds) {
  if (seconds >= 86_400) return counted(Math.floor(seconds / 86_400), 'day')
  if (seconds >= 3_600) return counted(Math.floor(seconds / 3_600), 'hour')
  return counted(Math.floor(seconds / 60), 'minute')
}

/** @param {number | bigint} count */
export const grouped = (count) => new Intl.NumberFormat('en').format(count)

/** `payment_setup.idle` → `payment setup · idle`. @param {string | null} place */
export const placeName = (place) => (place ?? 'unknown').replaceAll('_', ' ').replace('.', ' · ')

/** @param {string} name */
export const spaced = (name) => name.replaceAll('_', ' ')

/** @param {unknown} error */
export function explained(error) {
  if (!(error instanceof Error)) return String(error)
  const { requestId } = /** @type {{ requestId?: string }} */ (error)
  return `${error.message}${requestId ? ` (request ${requestId})` : ''}`
}

/** A state in one of four tones, told by its word and not by its colour alone. @param {string | null} status */
export function toneOf(status) {
  if (status === null) return 'plain'
  if (/^(active|trialing|completed|paid|done|applied|released|ready|ok|fine|full|won)$/.test(status))
    return 'good'
  if (
    /^(failed|quarantined|unpaid|uncollectible|incomplete_expired|unavailable|stranded|suspended|lost)$/.test(
      status,
    )
  )
    return 'bad'
  if (
    /^(past_due|incomplete|parked|pending|open|running|lapsed|degraded|grace|needs_response|under_review)$/.test(
      status,
    )
  )
    return 'warn'
  return 'plain'
}

/**
 * How often it is paid, such as "3 months": to stand after "every".
 * @param {{ billing_interval: string | null, billing_interval_count: number | null }} row
 */
export function periodOf({ billing_interval: interval, billing_interval_count: count }) {
  return (count ?? 1) === 1 ? interval : `${count} ${interval}s`
}

/**
 * A service month: "March 2026" where it is the calendar's, else "5 Mar to 5 Apr 2026".
 * @param {string} start @param {string} end
 */
export function monthName(start, end) {
  const isWhole = [start, end].every((time) => time.slice(8) === '01T00:00:00.000Z')
  if (isWhole) return dateText(start, { month: 'long', year: 'numeric' })
  const day = /** @type {const} */ ({ day: 'numeric', month: 'short' })
  return `${dateText(start, day)} to ${dateText(end, { ...day, year: 'numeric' })}`
}

/** @param {string} iso @param {Intl.DateTimeFormatOptions} parts */
const dateText = (iso, parts) => new Date(iso).toLocaleDateString('en-GB', { ...parts, timeZone: 'UTC' })
