import { memberOf, textOf } from '../projections/read-value.ts'

/** Why a payment or a card's set-up failed, where an event's object says so: Stripe's own words, nothing personal. */
export function declineIn(object: unknown): { code?: string; decline_code?: string } {
  for (const member of ['last_payment_error', 'last_setup_error', 'last_finalization_error']) {
    const error = memberOf(object, member)
    const code = word(memberOf(error, 'code'))
    if (code === undefined) continue
    const declineCode = word(memberOf(error, 'decline_code'))
    return { code, ...(declineCode === undefined ? {} : { decline_code: declineCode }) }
  }
  const code = word(memberOf(object, 'failure_code'))
  return code === undefined ? {} : { code }
}

const word = (value: unknown) => {
  const text = textOf(value)
  return text !== null && /^\w{1,100}$/.test(text) ? text : undefined
}
