import { z } from 'zod'
import { timeOut } from '../db/fields.ts'
import type { Session } from '../inbox/sessions/store.ts'
import { OrderedPlan, Standing, standing } from './standing.ts'

/** What each step answers beside where the session stands then. */

export const StartedSession = Standing.extend({ session_token: z.string(), expires_at: timeOut })

export const CreatedCustomer = Standing.extend({ customer_id: z.string() })
export const createdCustomer = (session: Session): z.infer<typeof CreatedCustomer> => ({
  ...standing(session),
  customer_id: session.snapshot.context.customer_id ?? '',
})

export const PaymentSetup = Standing.extend({
  client_secret: z.string(),
  setup_intent_id: z.string(),
  publishable_key: z.string().nullable(),
})

export const PlanSelection = Standing.extend(OrderedPlan.shape)

export const CreatedSubscription = Standing.extend({
  subscription_id: z.string(),
  subscription_status: z.string(),
  trial_ends_at: timeOut.nullable(),
  client_secret: z.string().optional(),
  requires_action: z.boolean().optional(),
})
/** @param clientSecret where the bank wants the customer's authentication */
export function createdSubscription(
  session: Session,
  clientSecret: string | null,
): z.infer<typeof CreatedSubscription> {
  const { subscription_id, subscription_status, trial_ends_at } = session.snapshot.context
  return {
    ...standing(session),
    subscription_id: subscription_id ?? '',
    subscription_status: subscription_status ?? '',
    trial_ends_at,
    ...(clientSecret === null ? {} : { client_secret: clientSecret, requires_action: true }),
  }
}

export const CompletedSession = Standing.extend({
  customer_id: z.string(),
  subscription_id: z.string(),
  message: z.string(),
})
export const completedSession = (session: Session): z.infer<typeof CompletedSession> => ({
  ...createdCustomer(session),
  subscription_id: session.snapshot.context.subscription_id ?? '',
  message: 'Onboarding completed! Your account is ready.',
})
