import { StripeFailure } from '../objects/errors.ts'

export type Decline = { code: string; declineCode?: string; message: string }

/**
 * What the bank says. `authenticate_unless_set_up`: no challenge once the card went through a SetupIntent (any usage) or
 * through an authenticated payment that saves it.
 */
export type Verdict = 'ok' | 'authenticate' | 'authenticate_unless_set_up' | Decline

export type TestCard = {
  number: string
  /** `pm_card_…` and `tok_…` names that stand for this card. */
  names: string[]
  brand: 'visa' | 'mastercard' | 'amex' | 'discover' | 'diners' | 'jcb' | 'unionpay'
  funding: 'credit' | 'debit' | 'prepaid'
  /** When it is saved: SetupIntent, or attached to a customer. */
  setup: Verdict
  charge: Verdict
}

/** A test card by its number. @throws StripeFailure 402 as Stripe in test mode: wrong checksum, or not a test card */
export function cardOfNumber(number: string): TestCard {
  const digits = number.replace(/[\s-]/g, '')
  const card = testCards.find((each) => each.number === digits)
  if (card) return card
  throw passesChecksum(digits)
    ? cardFailure({
        code: 'card_declined',
        declineCode: 'test_mode_live_card',
        message: 'Your card was declined. Your request was in test mode, but used a non test card.',
      })
    : cardFailure({ code: 'incorrect_number', message: 'Your card number is incorrect.' })
}

/** A test card by a name such as `pm_card_visa` or `tok_visa`. */
export function cardOfName(name: string): TestCard | undefined {
  const plain = name.replace(/^(pm_card|tok)_/, '')
  return /^(pm_card|tok)_/.test(name) ? testCards.find((each) => each.names.includes(plain)) : undefined
}

export function cardFailure(decline: Decline): StripeFailure {
  return new StripeFailure(402, {
    type: 'card_error',
    code: decline.code,
    message: decline.message,
    ...(decline.declineCode && { decline_code: decline.declineCode }),
  })
}

export const declines = {
  generic: { code: 'card_declined', declineCode: 'generic_decline', message: 'Your card was declined.' },
  authenticationRequired: {
    code: 'authentication_required',
    declineCode: 'authentication_required',
    message: 'Your card was declined. This transaction requires authentication.',
  },
  insufficientFunds: {
    code: 'card_declined',
    declineCode: 'insufficient_funds',
    message: 'Your card has insufficient funds.',
  },
  lostCard: { code: 'card_declined', declineCode: 'lost_card', message: 'Your card was declined.' },
  stolenCard: { code: 'card_declined', declineCode: 'stolen_card', message: 'Your card was declined.' },
  expiredCard: { code: 'expired_card', message: 'Your card has expired.' },
  incorrectCvc: { code: 'incorrect_cvc', message: "Your card's security code is incorrect." },
  processingError: {
    code: 'processing_error',
    message: 'An error occurred while processing your card. Try again in a little bit.',
  },
} satisfies Record<string, Decline>

const fine = (
  number: string,
  brand: TestCard['brand'],
  names: string[],
  funding: TestCard['funding'] = 'credit',
) => ({ number, names, brand, funding, setup: 'ok', charge: 'ok' }) satisfies TestCard
const visa = (number: string, names: string[], setup: Verdict, charge: Verdict) =>
  ({ number, names, brand: 'visa', funding: 'credit', setup, charge }) satisfies TestCard
const declined = (number: string, names: string[], decline: Decline) => visa(number, names, decline, decline)

const testCards: TestCard[] = [
  fine('4242424242424242', 'visa', ['visa', 'us']),
  fine('4000056655665556', 'visa', ['visa_debit'], 'debit'),
  fine('5555555555554444', 'mastercard', ['mastercard']),
  fine('2223003122003222', 'mastercard', []),
  fine('5200828282828210', 'mastercard', ['mastercard_debit'], 'debit'),
  fine('5105105105105100', 'mastercard', ['mastercard_prepaid'], 'prepaid'),
  fine('378282246310005', 'amex', ['amex']),
  fine('6011111111111117', 'discover', ['discover']),
  fine('3056930009020004', 'diners', ['diners']),
  fine('3566002020360505', 'jcb', ['jcb']),
  fine('6200000000000005', 'unionpay', ['unionpay']),
  declined('4000000000000002', ['chargeDeclined', 'visa_chargeDeclined'], declines.generic),
  declined(
    '4000000000009995',
    ['chargeDeclinedInsufficientFunds', 'visa_chargeDeclinedInsufficientFunds'],
    declines.insufficientFunds,
  ),
  declined('4000000000009987', ['chargeDeclinedLostCard', 'visa_chargeDeclinedLostCard'], declines.lostCard),
  declined(
    '4000000000009979',
    ['chargeDeclinedStolenCard', 'visa_chargeDeclinedStolenCard'],
    declines.stolenCard,
  ),
  declined('4000000000000069', ['chargeDeclinedExpiredCard'], declines.expiredCard),
  declined('4000000000000127', ['chargeDeclinedIncorrectCvc'], declines.incorrectCvc),
  declined('4000000000000119', ['chargeDeclinedProcessingError'], declines.processingError),
  visa('4000000000000341', ['chargeCustomerFail'], 'ok', declines.generic),
  visa(
    '4000002500003155',
    ['authenticationRequired', 'authenticationRequiredOnSetup'],
    'authenticate',
    'authenticate_unless_set_up',
  ),
  visa('4000002760003184', ['authenticationRequiredAlways'], 'authenticate', 'authenticate'),
  visa('4000000000003220', ['threeDSecure2Required', 'threeDSecureRequired'], 'authenticate', 'authenticate'),
  visa(
    '4000008260003178',
    ['authenticationRequiredChargeDeclinedInsufficientFunds'],
    'authenticate',
    declines.insufficientFunds,
  ),
]

function passesChecksum(digits: string): boolean {
  if (!/^\d{12,19}$/.test(digits)) return false
  const sum = [...digits].reverse().reduce((total, digit, position) => {
    const value = Number(digit) * (position % 2 === 0 ? 1 : 2)
    return total + (value > 9 ? value - 9 : value)
  }, 0)
  return sum % 10 === 0
}
