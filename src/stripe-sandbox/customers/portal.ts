import type Stripe from 'stripe'
import { newId } from '../objects/ids.ts'
import { pagination, type ShapeOf, text, webUrl, yesNo } from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'
import { mustFind } from '../objects/turn.ts'

const createShape = {
  customer: text,
  locale: text.optional(),
  return_url: webUrl.optional(),
} satisfies ShapeOf<Stripe.BillingPortal.SessionCreateParams>

const listShape = {
  ...pagination,
  active: yesNo.optional(),
  is_default: yesNo.optional(),
} satisfies ShapeOf<Stripe.BillingPortal.ConfigurationListParams>

const configurations = '/v1/billing_portal/configurations'

/** Stripe's customer portal: its sessions have a page that says whose it is and leads back, and changes nothing. */
export const portalRoutes = [
  route('POST /v1/billing_portal/sessions', createShape, (call) => {
    const { customer, locale, return_url: returnUrl } = call.params
    mustFind(call, 'customer', customer, 'customer')
    const id = newId('bps')
    const session = call.store.save({
      id,
      object: 'billing_portal.session' as const,
      configuration: 'bpc_sandbox',
      created: call.now,
      customer,
      customer_account: null,
      flow: null,
      livemode: false,
      locale: locale ?? null,
      on_behalf_of: null,
      return_url: returnUrl ?? null,
      url: `${call.baseUrl}/_sandbox/portal/${id}`,
    })
    call.emit('billing_portal.session.created', session)
    return session
  }),
  route(`GET ${configurations}`, listShape, () => ({
    object: 'list',
    data: [],
    has_more: false,
    url: configurations,
  })),
]
