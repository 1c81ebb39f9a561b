import { StripeFailure } from '../objects/errors.ts'

export type Decline = { code: string; declineCode?: string; message: string }

/**
 * What the bank says. `authenticate_unless_set_up`: no challenge once the card went through a SetupIntent (any usage) or
 * through an authenticated payment that saves it. `authenticate_on_session`: none while its owner is away.
 */
export type Verdict =
  | 'ok'
  | 'authenticate'
  | 'authenticate_unless_set_up'
  | 'authenticate_on_session'
  | Decline

export type TestCard = {
  number: string
  /** `pm_card_…` and `tok_…` names that stand for this card. */
  names: string[]
  brand: 'visa' | 'mastercard' | 'amex' | 'discover' | 'diners' | 'jcb' | 'unionpay'
  funding: 'credit' | 'debit' | 'prepaid'
  country: string
  /** When it is saved: SetupIntent, or attached to a customer. */
  setup: Verdict
  charge: Verdict
  /** What the bank says to a charge once its owner has authenticated. */
  authenticated: 'ok' | Decline
  /** What comes of checking the security code, where one is given. */
  cvcCheck: 'pass' | 'fail'
  /** Its owner disputes every charge, or asks about it, which takes no money yet. */
  dispute?: { reason: string; isInquiry: boolean } | undefined
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
  velocity: {
    code: 'card_declined',
    declineCode: 'card_velocity_exceeded',
    message: 'Your card was declined.',
  },
  fraudulent: { code: 'card_declined', declineCode: 'fraudulent', message: 'Your card was declined.' },
  processingError: {
    code: 'processing_error',
    message: 'An error occurred while processing your card. Try again in a little bit.',
  },
} satisfies Record<string, Decline>

type Given = Partial<TestCard> & Pick<TestCard, 'number' | 'names'>
const card = (given: Given): TestCard => ({
  brand: 'visa',
  funding: 'credit',
  country: 'US',
  setup: 'ok',
  charge: 'ok',
  authenticated: 'ok',
  cvcCheck: 'pass',
  ...given,
})
const declined = (number: string, names: string[], decline: Decline): TestCard =>
  card({ number, names, setup: decline, charge: decline, authenticated: decline })
const disputing = (number: string, names: string[], reason: string, isInquiry = false): TestCard =>
  card({ number, names, dispute: { reason, isInquiry } })
const challenged = (number: string, names: string[], more: Partial<TestCard> = {}): TestCard =>
  card({ number, names, setup: 'authenticate', charge: 'authenticate', ...more })

/** Cards by country: `pm_card_br`. */
const countries = {
  BR: '4000000760000002',
  CA: '4000001240000000',
  MX: '4000004840008001',
  AT: '4000000400000008',
  BE: '4000000560000004',
  CH: '4000007560000009',
  DE: '4000002760000016',
  DK: '4000002080000001',
  ES: '4000007240000007',
  FI: '4000002460000001',
  FR: '4000002500000003',
  GB: '4000008260000000',
  IE: '4000003720000005',
  IT: '4000003800000008',
  NL: '4000005280000002',
  NO: '4000005780000007',
  PL: '4000006160000005',
  PT: '4000006200000007',
  SE: '4000007520000008',
  AU: '4000000360000006',
  HK: '4000003440000004',
  IN: '4000003560000008',
  JP: '4000003920000003',
  NZ: '4000005540000008',
  SG: '4000007020000003',
}

/** The cards of docs.stripe.com/testing that need no Radar rule and no terminal. */
export const testCards: TestCard[] = [
  card({ number: '4242424242424242', names: ['visa', 'us'] }),
  card({ number: '4000056655665556', names: ['visa_debit'], funding: 'debit' }),
  card({ number: '5555555555554444', names: ['mastercard'], brand: 'mastercard' }),
  card({ number: '2223003122003222', names: [], brand: 'mastercard' }),
  card({ number: '5200828282828210', names: ['mastercard_debit'], brand: 'mastercard', funding: 'debit' }),
  card({
    number: '5105105105105100',
    names: ['mastercard_prepaid'],
    brand: 'mastercard',
    funding: 'prepaid',
  }),
  card({ number: '378282246310005', names: ['amex'], brand: 'amex' }),
  card({ number: '371449635398431', names: [], brand: 'amex' }),
  card({ number: '6011111111111117', names: ['discover'], brand: 'discover' }),
  card({ number: '6011000990139424', names: [], brand: 'discover' }),
  card({ number: '6011981111111113', names: ['discover_debit'], brand: 'discover', funding: 'debit' }),
  card({ number: '3056930009020004', names: ['diners'], brand: 'diners' }),
  card({ number: '36227206271667', names: [], brand: 'diners' }),
  card({ number: '3566002020360505', names: ['jcb'], brand: 'jcb' }),
  card({ number: '6200000000000005', names: ['unionpay'], brand: 'unionpay' }),
  card({ number: '6200000000000047', names: ['unionpay_debit'], brand: 'unionpay', funding: 'debit' }),
  card({ number: '6205500000000000004', names: [], brand: 'unionpay' }),
  ...Object.entries(countries).map(([country, number]) =>
    card({ number, names: [country.toLowerCase()], country }),
  ),
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
  declined(
    '4000000000006975',
    ['chargeDeclinedVelocityLimitExceeded', 'visa_chargeDeclinedVelocityLimitExceeded'],
    declines.velocity,
  ),
  declined('4100000000000019', ['radarBlock', 'chargeDeclinedFraudulent'], declines.fraudulent),
  card({ number: '4000000000000341', names: ['chargeCustomerFail'], charge: declines.generic }),
  disputing('4000000000000259', ['createDispute'], 'fraudulent'),
  disputing('4000000000002685', ['createDisputeProductNotReceived'], 'product_not_received'),
  disputing('4000000000001976', ['createDisputeInquiry'], 'fraudulent', true),
  card({ number: '4000000000000101', names: ['cvcCheckFail'], cvcCheck: 'fail' }),
  challenged('4000002500003155', ['authenticationRequiredOnSetup'], { charge: 'authenticate_unless_set_up' }),
  challenged('4000002760003184', ['authenticationRequired']),
  challenged('4000003800000446', ['authenticationRequiredSetupForOffSession'], {
    setup: 'ok',
    charge: 'authenticate_on_session',
  }),
  challenged('4000008260003178', ['authenticationRequiredChargeDeclinedInsufficientFunds'], {
    authenticated: declines.insufficientFunds,
  }),
  challenged('4000000000003220', ['threeDSecure2Required']),
  challenged('4000000000003063', ['threeDSecureRequired']),
  challenged('4000008400001629', ['threeDSecureRequiredChargeDeclined'], { authenticated: declines.generic }),
  card({ number: '4000000000003055', names: ['threeDSecureOptional'] }),
]

function passesChecksum(digits: string): boolean {
  if (!/^\d{12,19}$/.test(digits)) return false
  const sum = [...digits].reverse().reduce((total, digit, position) => {
    const value = Number(digit) * (position % 2 === 0 ? 1 : 2)
    return total + (value > 9 ? value - 9 : value)
  }, 0)
  return sum % 10 === 0
}
