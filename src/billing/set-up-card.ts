import { z } from 'zod'
import { allowedUrl } from '../auth/allowed-url.ts'
import { type AppContext, requireStripe } from '../context.ts'
import { tenantId } from '../db/fields.ts'
import { AppError } from '../errors.ts'
import type { Caller } from '../log/by.ts'
import { ask } from '../outbox/ask.ts'
import { setupIntentParams } from '../outbox/requests/create-setup-intent.ts'
import { askStripe } from '../stripe/ask-stripe.ts'
import { payingCustomer } from './paying-customer.ts'

/** A tenant that goes to a page of Stripe's, and comes back. */
export const WayBack = z.strictObject({
  tenant_id: tenantId,
  return_url: z.string().min(1).max(2048).meta({ description: 'Of an allowed origin' }),
})
export type WayBack = z.infer<typeof WayBack>

export const CardSetup = z
  .object({
    client_secret: z.string(),
    setup_intent_id: z.string(),
    publishable_key: z.string().nullable(),
  })
  .meta({ id: 'CardSetup' })
export type CardSetup = z.infer<typeof CardSetup>

/**
 * A SetupIntent, by which the browser of a paying tenant confirms another card; what follows from that is in
 * `inbox/take-up-card.ts`. The client secret is fetched from Stripe each time and kept nowhere.
 * @throws InvalidRequest on return_url; NotFound; AppError conflict without a customer
 */
export async function setUpCard(
  context: AppContext,
  by: Caller,
  { tenant_id: tenantId, return_url }: WayBack,
  clientKey: string | undefined,
): Promise<CardSetup> {
  allowedUrl('return_url', return_url, context.config.returnUrlOrigins)
  const stripe = requireStripe(context)
  await payingCustomer(context.db.reader, tenantId)
  const order = { tenantId, operation: 'create_setup_intent', by, clientKey, isSame: () => true } as const
  const setupIntentId = await ask(context, order, async ({ trx }, { madeBefore }) => {
    if (madeBefore !== null) return { objectId: madeBefore }
    const customerId = await payingCustomer(trx, tenantId)
    return {
      call: 'create_setup_intent',
      targetId: null,
      params: (key) => setupIntentParams({ customerId, tenantId }, key),
    }
  })
  const { clientSecret } = await askStripe(() => stripe.fetch('setup_intent', setupIntentId))
  if (clientSecret === null)
    throw new AppError('stripe_unavailable', 'Stripe gave no client secret; send the same request again', {
      retryAfterSeconds: 2,
    })
  return {
    client_secret: clientSecret,
    setup_intent_id: setupIntentId,
    publishable_key: context.config.stripe.publishableKey ?? null,
  }
}
