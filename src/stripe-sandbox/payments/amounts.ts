import { invalidRequest } from '../objects/errors.ts'

/**
 * The least that can be charged, in the smallest unit; where none is listed, 50:
 * https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
 */
const leastOf: Record<string, number> = {
  aed: 200,
  bgn: 100,
  czk: 1500,
  dkk: 250,
  gbp: 30,
  hkd: 400,
  huf: 17_500,
  mxn: 1000,
  myr: 200,
  nok: 300,
  pln: 200,
  ron: 200,
  sek: 300,
  thb: 1000,
}
/** The most that can be charged at once, in the smallest unit of any currency. */
const largestAmount = 99_999_999

/** @throws StripeFailure 400 for an amount that no card can be charged with */
export function checkChargeAmount(amount: number, currency: string): void {
  const param = 'amount'
  if (amount < 1)
    throw invalidRequest('This value must be greater than or equal to 1.', {
      code: 'parameter_invalid_integer',
      param,
    })
  if (amount < leastChargeOf(currency))
    throw invalidRequest(`Amount must be at least ${money(leastChargeOf(currency), currency)}`, {
      code: 'amount_too_small',
      param,
    })
  checkAmount(amount, param)
}

/** @throws StripeFailure 400 `amount_too_large` */
export function checkAmount(amount: number, param: string): void {
  if (Math.abs(amount) > largestAmount)
    throw invalidRequest('Amount must be no more than $999,999.99', { code: 'amount_too_large', param })
}

export function leastChargeOf(currency: string): number {
  return leastOf[currency] ?? 50
}

/** `$0.50`, `¥50`: from the smallest unit, as messages and descriptions have it. */
export function money(amount: number, currency: string): string {
  const format = formats.get(currency) ?? new Intl.NumberFormat('en-US', { style: 'currency', currency })
  formats.set(currency, format)
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2))
}

/** Slow to make. */
const formats = new Map<string, Intl.NumberFormat>()
