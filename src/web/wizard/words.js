import { StepledgerError } from '../../client/client.ts'

/**
 * An amount in the currency's minor unit, such as $12.50.
 * @param {number} amountCents
 * @param {string} currency
 */
export function money(amountCents, currency) {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency })
  return format.format(amountCents / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2))
}

/** @param {string | number} time */
export function day(time) {
  return new Intl.DateTimeFormat('en', { dateStyle: 'long' }).format(new Date(time))
}

/** @param {string} interval @param {number} [count] */
export function per(interval, count = 1) {
  return count === 1 ? `per ${interval}` : `every ${count} ${interval}s`
}

/** A stretch of time, such as `month` or `3 months`. @param {string} interval @param {number} count */
export function periodsOf(interval, count) {
  return count === 1 ? interval : `${count} ${interval}s`
}

/** @param {string} interval @param {number} count */
export function each(interval, count) {
  return count === 1 ? `each ${interval}` : `every ${count} ${interval}s`
}

/** @param {string} interval @param {number} count */
export function periodName(interval, count) {
  return (
    (count === 1 && { day: 'Daily', week: 'Weekly', month: 'Monthly', year: 'Yearly' }[interval]) ||
    `Every ${count} ${interval}s`
  )
}

/**
 * How long a discount lasts, to stand after its code.
 * @param {{ duration: string, duration_in_months: number | null }} discount
 */
export function lasting({ duration, duration_in_months: months }) {
  if (duration === 'forever') return 'on every invoice'
  if (duration === 'repeating') return `for ${months} ${months === 1 ? 'month' : 'months'}`
  return 'on the first invoice'
}

/**
 * Why the bank said no, and what helps.
 * @param {{ code: string, decline_code?: string | null | undefined }} decline
 */
export function declined({ code, decline_code: reason }) {
  return declines[reason ?? ''] ?? declines[code] ?? 'Your card was declined. Please try another card.'
}

/** @type {Record<string, string>} */
const declines = {
  insufficient_funds: 'The card has too little money on it. Please try another card.',
  expired_card: 'The card has expired. Please try another card.',
  incorrect_number: 'The card number is not right. Please check it.',
  incorrect_cvc: 'The security code is not right. Please check it.',
  processing_error: 'The bank could not process the card. Please try again in a moment.',
  setup_intent_authentication_failure:
    'Your bank did not confirm that it was you. Please try again, or use another card.',
  payment_intent_authentication_failure: 'Your bank did not confirm that it was you. Please try again.',
}

/**
 * What went wrong, for people.
 * @param {unknown} error
 */
export function explained(error) {
  if (!(error instanceof StepledgerError)) return 'Something went wrong on this page. Please reload it.'
  const { code, details, requestId } = error
  switch (code) {
    case 'card_declined':
      return declined({
        code: String(details.stripe_code ?? code),
        decline_code: /** @type {string | undefined} */ (details.decline_code),
      })
    case 'unreachable':
      return 'We cannot be reached. Please check your connection and try again.'
    case 'stripe_unavailable':
    case 'database_busy':
      return 'This takes longer than usual. Nothing is lost: please try again in a moment.'
    case 'stripe_disabled':
      return 'Payments are switched off here at the moment.'
    case 'rate_limited':
      return 'That was too often in a short time. Please wait a moment and try again.'
    case 'payment_method_required':
      return 'No card is confirmed yet. Please save a card first.'
    case 'internal_error':
    case 'not_stepledger':
      return `Something went wrong here, not with you. Please try again.${requestId ? ` If it stays, tell us this number: ${requestId}` : ''}`
    default:
      return `${error.message.replace(/\.?$/, '.')}`
  }
}
