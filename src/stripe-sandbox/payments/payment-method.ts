import { createHash } from 'node:crypto'
import type Stripe from 'stripe'
import { nulls } from '../objects/blank.ts'
import { invalidRequest, noSuch } from '../objects/errors.ts'
import { idOf, newId } from '../objects/ids.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { cardFailure, cardOfName, cardOfNumber, type TestCard } from './cards.ts'

export type CardInput = {
  number?: string | undefined
  token?: string | undefined
  exp_month?: number | undefined
  exp_year?: number | undefined
  cvc?: string | undefined
}
export type BillingInput = {
  name?: string | null | undefined
  email?: string | null | undefined
  phone?: string | null | undefined
  address?: Stripe.Address | null | undefined
}

/** Makes a card payment method that belongs to nobody yet. @throws StripeFailure 402 for a bad card */
export function makePaymentMethod(
  turn: Turn,
  input: {
    card: CardInput
    billing?: BillingInput | undefined
    metadata?: Record<string, string> | null | undefined
  },
): Stripe.PaymentMethod {
  const { card, billing, metadata } = input
  const known = card.token === undefined ? cardOfNumber(card.number ?? '') : cardOfName(card.token)
  if (!known) throw noSuch('token', card.token ?? '', 'card[token]')
  return make(turn, known, card, billing, metadata ?? {})
}

/** An existing payment method, or a new one for a name such as `pm_card_visa` or `tok_visa`. */
export function resolvePaymentMethod(turn: Turn, id: string, param?: string): Stripe.PaymentMethod {
  const known = cardOfName(id)
  return known ? make(turn, known, {}, {}, {}) : mustFind(turn, 'payment_method', id, param)
}

/** @throws StripeFailure 400 where it is somebody else's, 402 where the bank refuses to have it saved */
export function attachPaymentMethod(
  turn: Turn,
  method: Stripe.PaymentMethod,
  customerId: string,
): Stripe.PaymentMethod {
  const owner = idOf(method.customer)
  if (owner === customerId) return method
  checkUsable(turn, method)
  if (owner !== null)
    throw invalidRequest('The payment method you provided has already been attached to a customer.', {
      code: 'payment_method_unexpected_state',
    })
  const { setup } = behaviourOf(turn, method.id)
  if (typeof setup === 'object') throw cardFailure(setup)
  const attached = turn.store.save({ ...method, customer: customerId })
  turn.emit('payment_method.attached', attached)
  return attached
}

/** Takes a payment method from its customer: it is never used again. */
export function detachPaymentMethod(turn: Turn, method: Stripe.PaymentMethod): Stripe.PaymentMethod {
  markSpent(turn, method.id)
  const after = turn.store.save({ ...method, customer: null })
  turn.emit('payment_method.detached', after, method)
  return after
}

/** @throws StripeFailure 400 for one that was detached, or paid once without belonging to a customer */
export function checkUsable(turn: Turn, method: Stripe.PaymentMethod): void {
  if (turn.store.hidden<Hidden>(method.id).spent)
    throw invalidRequest(
      'The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.',
      { code: 'payment_method_unexpected_state' },
    )
}

/**
 * A payment method of a customer's own; a name such as `pm_card_visa` becomes one.
 * @throws StripeFailure 400 for one that belongs to somebody else, or to nobody
 */
export function ownMethod(
  turn: Turn,
  id: string,
  customerId: string | null,
  param: string,
): Stripe.PaymentMethod {
  const method = resolvePaymentMethod(turn, id, param)
  if (customerId !== null && cardOfName(id)) return attachPaymentMethod(turn, method, customerId)
  if (idOf(method.customer) !== customerId)
    throw invalidRequest(
      `The customer does not have a payment method with the ID ${id}. The payment method must be attached to the customer.`,
      { code: 'resource_missing', param },
    )
  return method
}

/** What the bank says to this payment method now, from its test card and from whether it was set up. */
export function behaviourOf(
  turn: Turn,
  methodId: string,
): Pick<TestCard, 'setup' | 'charge' | 'authenticated' | 'dispute'> {
  const { number, setUp } = turn.store.hidden<Hidden>(methodId)
  const { setup, charge, authenticated, dispute } = cardOfNumber(number ?? '4242424242424242')
  if (charge !== 'authenticate_unless_set_up') return { setup, charge, authenticated, dispute }
  return { setup, charge: setUp ? 'ok' : 'authenticate', authenticated, dispute }
}

export function markSpent(turn: Turn, methodId: string): void {
  turn.store.hide(methodId, { spent: true } satisfies Partial<Hidden>)
}

export function markSetUp(turn: Turn, methodId: string): void {
  turn.store.hide(methodId, { setUp: true } satisfies Partial<Hidden>)
}

/** The payment method that a customer's invoices are paid with where nothing nearer says otherwise. */
export function defaultMethodOf(turn: Turn, customerId: string | null): Stripe.PaymentMethod | undefined {
  const customer = customerId === null ? undefined : turn.store.find('customer', customerId)
  const id = idOf(customer?.invoice_settings.default_payment_method) ?? idOf(customer?.default_source)
  return id === null ? undefined : turn.store.find('payment_method', id)
}

type Hidden = { number: string; setUp: boolean; spent: boolean }

function make(
  turn: Turn,
  known: TestCard,
  input: CardInput,
  billing: BillingInput | undefined,
  metadata: Record<string, string>,
): Stripe.PaymentMethod {
  const { month, year } = checkedExpiry(turn, input)
  const id = newId('pm')
  checkCvc(known, input.cvc)
  const check = input.cvc === undefined ? null : known.cvcCheck
  turn.store.hide(id, { number: known.number, setUp: false, spent: false } satisfies Hidden)
  return turn.store.save({
    id,
    object: 'payment_method',
    allow_redisplay: 'unspecified',
    billing_details: {
      address: billing?.address ?? noAddress,
      email: billing?.email ?? null,
      name: billing?.name ?? null,
      phone: billing?.phone ?? null,
      tax_id: null,
    },
    card: {
      brand: known.brand,
      checks: { address_line1_check: null, address_postal_code_check: null, cvc_check: check },
      country: known.country,
      display_brand: known.brand,
      exp_month: month,
      exp_year: year,
      fingerprint: fingerprintOf(known),
      funding: known.funding,
      generated_from: null,
      last4: known.number.slice(-4),
      networks: { available: [known.brand], preferred: null },
      regulated_status: 'unregulated',
      three_d_secure_usage: { supported: true },
      wallet: null,
    },
    created: turn.now,
    customer: null,
    customer_account: null,
    livemode: false,
    metadata,
    type: 'card',
  })
}

const noAddress = nulls<Stripe.Address>()('city country line1 line2 postal_code state')

/** The same for each use of one number. */
function fingerprintOf({ number }: TestCard): string {
  return createHash('sha256').update(number).digest('base64').replace(/\W/g, '').slice(0, 16)
}

function checkCvc({ brand }: TestCard, cvc: string | undefined): void {
  if (cvc !== undefined && !(brand === 'amex' ? /^\d{3,4}$/ : /^\d{3}$/).test(cvc))
    throw cardFailure({ code: 'invalid_cvc', message: "Your card's security code is invalid." })
}

function checkedExpiry(turn: Turn, { exp_month, exp_year }: CardInput): { month: number; year: number } {
  const today = new Date(turn.nowMs)
  const thisYear = today.getUTCFullYear()
  const month = exp_month ?? 12
  const year = exp_year === undefined ? thisYear + 4 : exp_year < 100 ? 2000 + exp_year : exp_year
  if (month < 1 || month > 12)
    throw cardFailure({ code: 'invalid_expiry_month', message: "Your card's expiration month is invalid." })
  const past = year < thisYear || (year === thisYear && month < today.getUTCMonth() + 1)
  if (past || year > thisYear + 50)
    throw cardFailure({ code: 'invalid_expiry_year', message: "Your card's expiration year is invalid." })
  return { month, year }
}
