import { listOf, text } from './parameters.ts'
import { accountRoutes } from './resources/account.ts'
import { chargeRoutes } from './resources/charges.ts'
import { couponRoutes } from './resources/coupons.ts'
import { customerRoutes } from './resources/customers.ts'
import { eventRoutes } from './resources/events.ts'
import { invoiceItemRoutes } from './resources/invoice-items.ts'
import { previewRoute } from './resources/invoice-preview.ts'
import { invoiceRoutes } from './resources/invoices.ts'
import { paymentIntentRoutes } from './resources/payment-intents.ts'
import { paymentMethodRoutes } from './resources/payment-methods.ts'
import { priceRoutes } from './resources/prices.ts'
import { productRoutes } from './resources/products.ts'
import { promotionCodeRoutes } from './resources/promotion-codes.ts'
import { setupIntentRoutes } from './resources/setup-intents.ts'
import { subscriptionRoutes } from './resources/subscriptions.ts'
import { webhookEndpointRoutes } from './resources/webhook-endpoints.ts'
import { type Route, route } from './routes.ts'

/** Every route of the API. A fixed path stands before one with an id in its place. */
export function allRoutes(options: {
  openCliSession: (deviceName: string) => object
  pendingWebhooks: (eventId: string) => number
}): Route[] {
  return [
    ...accountRoutes,
    ...chargeRoutes,
    ...couponRoutes,
    ...customerRoutes,
    ...eventRoutes(options.pendingWebhooks),
    ...invoiceItemRoutes,
    previewRoute,
    ...invoiceRoutes,
    ...paymentIntentRoutes,
    ...paymentMethodRoutes,
    ...priceRoutes,
    ...productRoutes,
    ...promotionCodeRoutes,
    ...setupIntentRoutes,
    ...subscriptionRoutes,
    ...webhookEndpointRoutes,
    route('POST /v1/stripecli/sessions', cliSession, (call) =>
      options.openCliSession(call.params.device_name ?? ''),
    ),
  ]
}

const cliSession = {
  device_name: text.optional(),
  websocket_features: listOf(text).optional(),
  filters: text.optional(),
  forward_to_url: text.optional(),
  forward_connect_to_url: text.optional(),
  forward_thin_to_url: text.optional(),
  forward_thin_connect_to_url: text.optional(),
}
