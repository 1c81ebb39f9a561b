import { z } from 'zod'
import { allowedUrl } from '../auth/allowed-url.ts'
import { type AppContext, requireStripe } from '../context.ts'
import { askStripe } from '../stripe/ask-stripe.ts'
import { payingCustomer } from './paying-customer.ts'
import type { WayBack } from './set-up-card.ts'

export const PortalSession = z
  .object({ url: z.string().meta({ example: 'https://billing.stripe.com/p/session/test_example' }) })
  .meta({ id: 'PortalSession' })
export type PortalSession = z.infer<typeof PortalSession>

/**
 * Stripe's customer portal for the tenant, for a few minutes. It changes nothing and is kept nowhere: each request gets
 * an address of its own.
 * @throws InvalidRequest on return_url; NotFound; AppError conflict without a customer
 */
export async function openPortal(
  context: AppContext,
  { tenant_id, return_url }: WayBack,
): Promise<PortalSession> {
  const returnUrl = allowedUrl('return_url', return_url, context.config.returnUrlOrigins)
  const stripe = requireStripe(context)
  const customerId = await payingCustomer(context.db.reader, tenant_id)
  return { url: await askStripe(() => stripe.portal(customerId, returnUrl)) }
}
