import { couponRoutes } from '../catalogue/coupons.ts'
import { planRoutes } from '../catalogue/plans.ts'
import { priceRoutes } from '../catalogue/prices.ts'
import { productRoutes } from '../catalogue/products.ts'
import { promotionCodeRoutes } from '../catalogue/promotion-codes.ts'
import type { Player } from '../clock/player.ts'
import { testClockRoutes } from '../clock/test-clocks.ts'
import { balanceTransactionRoutes } from '../customers/balance-transactions.ts'
import { customerRoutes } from '../customers/customers.ts'
import { portalRoutes } from '../customers/portal.ts'
import { eventRoutes } from '../delivery/events.ts'
import { webhookEndpointRoutes } from '../delivery/webhook-endpoints.ts'
import { creditNoteRoutes } from '../invoices/credit-notes.ts'
import { invoiceItemRoutes } from '../invoices/invoice-items.ts'
import { invoiceRoutes } from '../invoices/invoices.ts'
import { listOf, text } from '../objects/parameters.ts'
import { type Route, route } from '../objects/routes.ts'
import { chargeRoutes } from '../payments/charges.ts'
import { disputeRoutes } from '../payments/disputes.ts'
import { paymentIntentRoutes } from '../payments/payment-intents.ts'
import { paymentMethodRoutes } from '../payments/payment-methods.ts'
import { refundRoutes } from '../payments/refunds.ts'
import { setupIntentRoutes } from '../payments/setup-intents.ts'
import { previewRoute } from '../subscriptions/invoice-preview.ts'
import { subscriptionRoutes } from '../subscriptions/subscriptions.ts'
import { accountRoutes } from './account.ts'
import { emptyListRoutes } from './empty-lists.ts'

/** Every route of the API. A fixed path stands before one with an id in its place. */
export function allRoutes(options: {
  openCliSession: (deviceName: string) => object
  pendingWebhooks: (eventId: string) => number
  player: Player
}): Route[] {
  return [
    ...accountRoutes,
    ...emptyListRoutes,
    ...balanceTransactionRoutes,
    ...chargeRoutes,
    ...couponRoutes,
    ...creditNoteRoutes,
    ...customerRoutes,
    ...disputeRoutes,
    ...eventRoutes(options.pendingWebhooks),
    ...invoiceItemRoutes,
    previewRoute,
    ...invoiceRoutes,
    ...paymentIntentRoutes,
    ...paymentMethodRoutes,
    ...planRoutes,
    ...portalRoutes,
    ...priceRoutes,
    ...productRoutes,
    ...promotionCodeRoutes,
    ...refundRoutes,
    ...setupIntentRoutes,
    ...subscriptionRoutes,
    ...testClockRoutes(options.player),
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
