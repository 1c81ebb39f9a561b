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
  if (!(Math.abs(now.getTime() / 1000 - signedAt(signature)) <= toleranceSeconds))
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
      return readEvent(event)
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

/** When it says that it was made, unix seconds; NaN for what is no signature. */
export const signedAt = (signature = '') => Number(/(?:^|,)t=(\d{1,12})(?:,|$)/.exec(signature)?.[1])

/**
 * An event that can be kept, whatever its object is like: it is interpreted, or quarantined.
 * @throws for one that is none
 */
export function readEvent(event: Stripe.Event): Stripe.Event {
  shape.parse(event)
  if (isDeeperThan(maxDepth, event)) throw new RangeError(`It is nested deeper than ${maxDepth} levels`)
  return event
}

const token = (maxLength: number) => z.string().regex(new RegExp(`^[\\x21-\\x7e]{1,${maxLength}}$`))
/** The end of the year 9999: later times have another form, which is not sorted among the others. */
const lastSecond = 253_402_300_799
/** Stripe's own are a dozen levels deep, and what walks through them walks by recursion. */
const maxDepth = 100

/** What is read of every event; the object's own members are read as they come. */
const shape = z.looseObject({
  id: token(255),
  object: z.literal('event'),
  type: token(100),
  api_version: token(100).nullable(),
  created: z.int().min(0).max(lastSecond),
  livemode: z.boolean(),
  data: z.looseObject({ object: z.looseObject({}) }),
})

function isDeeperThan(levels: number, value: unknown): boolean {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > levels) return true
    level = level.flatMap((item) => (item !== null && typeof item === 'object' ? Object.values(item) : []))
  }
  return false
}

const badSignature = (message: string) => new AppError('invalid_signature', message)
