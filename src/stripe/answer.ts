import type Stripe from 'stripe'

export function headersOf(answer: object): Record<string, string> {
  return 'lastResponse' in answer ? (answer as Stripe.Response<object>).lastResponse.headers : {}
}

/** When Stripe answered, by its own clock: unix seconds. */
export function timeOf(answer: object): number {
  const date = Date.parse(headersOf(answer).date ?? '')
  return Math.floor((Number.isNaN(date) ? Date.now() : date) / 1000)
}

/** When the object was made, unix seconds; an invoice item calls it `date`. */
export function madeAt(object: object): number | undefined {
  const { created, date }: { created?: unknown; date?: unknown } = object
  return [created, date].find((time) => typeof time === 'number')
}

export function secretOf(answer: object): string | null {
  if ('client_secret' in answer && typeof answer.client_secret === 'string') return answer.client_secret
  if ('confirmation_secret' in answer)
    return (answer as Stripe.Invoice).confirmation_secret?.client_secret ?? null
  const invoice =
    'latest_invoice' in answer ? (answer.latest_invoice as Stripe.Invoice | string | null) : null
  return typeof invoice === 'object' ? (invoice?.confirmation_secret?.client_secret ?? null) : null
}

/**
 * A copy as plain JSON (the SDK makes objects of decimals) without any `client_secret` and `confirmation_secret`,
 * however deep, and without those that stand in a text, as in the address of a bank's challenge: the log keeps no
 * secrets.
 */
export function withoutSecrets<T>(value: T): T {
  return JSON.parse(
    JSON.stringify(value, (name, member) => {
      if (secretMembers.has(name)) return undefined
      return typeof member === 'string' ? member.replace(secretInText, '[removed]') : member
    }),
  )
}

const secretMembers = new Set(['client_secret', 'confirmation_secret'])
const secretInText = /\b[a-z]{2,8}_[A-Za-z0-9]+_secret_\w+/g
