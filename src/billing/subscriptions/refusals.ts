import { AppError, InvalidRequest } from '../../errors.ts'

/** Stripe's codes for "the customer has to be there": https://docs.stripe.com/error-codes */
export function wantsAuthentication(error: unknown): boolean {
  const code = error instanceof AppError ? error.details.stripe_code : undefined
  return code === 'subscription_payment_intent_requires_action' || code === 'authentication_required'
}

/** What Stripe refuses about a subscription, in the terms of our own request. */
export function asRefusal(error: unknown, input: { payment_method_id?: string | undefined }): unknown {
  if (!(error instanceof AppError) || error.code !== 'invalid_request') return error
  const { stripe_code: code, param = '' } = error.details
  if (code === undefined) return error
  const isAbout = (name: string) => String(param).startsWith(name)
  const field = (path: string) => new InvalidRequest([{ path, message: error.message }])

  if (isAbout('default_payment_method') && input.payment_method_id !== undefined)
    return field('payment_method_id')
  // "This customer has no attached payment source or default payment method": without a parameter's name.
  if (code === 'resource_missing' && (param === '' || isAbout('default_payment_method')))
    return new AppError(
      'payment_method_required',
      'The customer has no payment method to pay with: attach one, give payment_method_id, or ask for a trial',
      { details: error.details, cause: error },
    )
  if (code === 'coupon_expired' || code === 'promotion_code_expired')
    return new AppError('conflict', 'The discount can no longer be redeemed; leave it out', {
      details: error.details,
      cause: error,
    })
  if (isAbout('discounts') || isAbout('coupon') || isAbout('promotion_code')) return field('discount_code')
  if (isAbout('items')) return field('price_id')
  if (isAbout('trial_period_days')) return field('trial_period_days')
  return error
}
