import Stripe from 'stripe'
import { AppError } from '../errors.ts'

/** Stripe's own default, https://docs.stripe.com/webhooks#replay-attacks; we apply it to the future as well. */
const toleranceSeconds = 300

const stripe = new Stripe('sk_test_unused')

/** The version of the API that this code reads: the SDK's. */
export const pinnedApiVersion = Stripe.API_VERSION

/**
 * The event, when its signature is good under one of the secrets (two are valid while one is rolled) and its
 * timestamp is at most 300 s off.
 * @throws AppError invalid_signature, malformed_request
 */
export async function verifiedEvent(
  rawBody: string,
  signature: string | undefined,
  secrets: readonly string[],
  now: Date,
): Promise<Stripe.Event> {
  if (signature === undefined) throw badSignature('The Stripe-Signature header is missing')
  const signedAt = Number(/(?:^|,)t=(\d{1,12})(?:,|$)/.exec(signature)?.[1])
  if (!(Math.abs(now.getTime() / 1000 - signedAt) <= toleranceSeconds))
    throw badSignature('The timestamp of the signature is more than 300 seconds off')
  for (const secret of secrets) {
    try {
      return await stripe.webhooks.constructEventAsync(
        rawBody,
        signature,
        secret,
        toleranceSeconds,
        undefined,
        now.getTime(),
      )
    } catch (error) {
      if (error instanceof Stripe.errors.StripeSignatureVerificationError) continue
      throw new AppError(
        'malformed_request',
        'The body is signed, but it is no event that this service reads',
        {
          cause: error,
        },
      )
    }
  }
  throw badSignature(
    'The signature does not fit: STRIPE_WEBHOOK_SECRET must be the secret of this endpoint, and the body unchanged',
  )
}

const badSignature = (message: string) => new AppError('invalid_signature', message)
