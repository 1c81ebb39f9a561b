import Stripe from 'stripe'
import { z } from 'zod'
import { AppError } from '../errors.ts'

/** Stripe's own default, https://docs.stripe.com/webhooks#replay-attacks; we apply it to the future as well. */
const toleranceSeconds = 300

const stripe = new Stripe('sk_test_unused')

/** Whether the event is of the API version that this code reads, the SDK's; one without a version is the account's own. */
export const isPinned = ({ api_version }: Pick<Stripe.Event, 'api_version'>) =>
  api_version === null || api_version === Stripe.API_VERSION

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
      const event = await stripe.webhooks.constructEventAsync(
        rawBody,
        signature,
        secret,
        toleranceSeconds,
        undefined,
        now.getTime(),
      )
      shape.parse(event)
      return event
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

/** What is read of every event; the object's own members are read as they come. */
const shape = z.looseObject({
  id: z.string().min(1),
  object: z.literal('event'),
  type: z.string().min(1),
  api_version: z.string().nullable(),
  created: z.int().min(0),
  livemode: z.boolean(),
  data: z.looseObject({ object: z.looseObject({}) }),
})

const badSignature = (message: string) => new AppError('invalid_signature', message)
