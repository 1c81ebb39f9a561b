import type { Logger } from 'pino'
import { billingCall } from './outbox/operations.ts'
import type { Config } from './config.ts'
import type { AppContext } from './context.ts'
import type { Database } from './db/database.ts'
import { type EffectRunner, effectRunner } from './outbox/runner.ts'
import { onboardingCall } from './onboarding/calls.ts'
import { sessionTimer } from './onboarding/expiry.ts'
import { stripeClient } from './stripe/client.ts'
import { stripeGateway } from './stripe/gateway.ts'
import { invoiceItem } from './usage/invoice-item.ts'
import { ingest } from './inbox/ingest.ts'
import { listCustomer } from './inbox/list-customer.ts'
import { refreshObject } from './inbox/refresh.ts'
import { sweepEvents } from './inbox/sweep.ts'

/**
 * Puts the parts together on a database whose schema is up to date. Nothing runs yet.
 * @param parts.config `stripe.secretKey` and `stripe.apiBase` as they are to be used, the embedded sandbox's included
 */
export function createContext(parts: {
  config: Config
  db: Database
  log: Logger
  now?: () => Date
  closing?: AbortSignal
  /** When it is aborted, calls to Stripe that are under way are given up; they stay in the outbox. */
  abandon?: AbortSignal
}): AppContext {
  const { config, db, log, now = () => new Date(), closing = new AbortController().signal, abandon } = parts
  const { enabled, secretKey, apiBase } = config.stripe
  const stripe = enabled
    ? stripeGateway(stripeClient(secretKey ?? 'sk_test_sandbox', apiBase, abandon))
    : undefined
  const outside = { db, now, stripe, log }
  const effects: EffectRunner = effectRunner(outside, {
    onboarding_call: onboardingCall(outside),
    expire_session: sessionTimer(outside),
    billing_call: billingCall(outside),
    invoice_item: invoiceItem(outside),
    refresh_object: refreshObject(outside),
    list_customer: listCustomer(outside),
    sweep_events: sweepEvents(outside, (event) => ingest(context, event)),
  })
  const context: AppContext = { config, db, log, now, stripe, effects, closing }
  return context
}
