import type { z } from 'zod'
import type { CustomersApi } from '../http/routes/customers.ts'
import type { DiscountsApi } from '../http/routes/discounts.ts'
import type { InvoicesApi } from '../http/routes/invoices.ts'
import type { OnboardingApi } from '../http/routes/onboarding.ts'
import type { PaymentMethodsApi } from '../http/routes/payment-methods.ts'
import type { PlansApi } from '../http/routes/plans.ts'
import type { StatusApi } from '../http/routes/status.ts'
import type { SubscriptionsApi } from '../http/routes/subscriptions.ts'
import type { UsageApi } from '../http/routes/usage.ts'

/**
 * What the routes' schemas say of requests and replies. Types only: nothing of the service is loaded, and the package has
 * them written out (see build.ts).
 */

type Reply<Route> = Route extends {
  responses: { 200: { content: { 'application/json': { schema: infer S extends z.ZodType } } } }
}
  ? z.output<S>
  : never
type Data<Route> = Reply<Route> extends { data: infer D } ? D : never
type Body<Route> = Route extends {
  request: { body: { content: { 'application/json': { schema: infer S extends z.ZodType } } } }
}
  ? z.input<S>
  : never

/** The session's token is a key for one session: its id goes into every body by itself. */
type OfSession<Route> = Omit<Body<Route>, 'session_id'>

export type Applicant = Body<OnboardingApi['start']>
/** What is left out stays as it is. */
export type ApplicantCorrection = OfSession<OnboardingApi['applicant']>
/** All that a subscription will be charged; amounts in the currency's minor unit. */
export type Due = Plan['prices'][number]['due']
export type StartedSession = Data<OnboardingApi['start']>
/** The whole position of a session; times are UTC ISO 8601. */
export type Position = Data<OnboardingApi['show']>
/** A change of a session: the position after it. The applicant and the publishable key come with `session()` alone. */
export type SessionChange = {
  /** The position in the log, for `after`. */
  id: string
  /** The fact's type, such as `onboarding.plan_selected`. */
  type: string
  position: Omit<Position, 'publishable_key' | 'applicant'>
}
export type CreatedCustomer = Data<OnboardingApi['createCustomer']>
export type PaymentSetup = Data<OnboardingApi['setupPayment']>
export type PlanChoice = OfSession<OnboardingApi['selectPlan']>
/** Amounts in the currency's minor unit. */
export type SelectedPlan = Data<OnboardingApi['selectPlan']>
export type CreatedSubscription = Data<OnboardingApi['createSubscription']>
export type CompletedSession = Data<OnboardingApi['complete']>
export type CorrectedApplicant = Data<OnboardingApi['applicant']>
export type CancelledSession = Data<OnboardingApi['cancel']>
export type Plan = Data<PlansApi['list']>['items'][number]
export type CustomerInput = Body<CustomersApi['create']>
export type Customer = Data<CustomersApi['show']>
export type SubscriptionInput = Body<SubscriptionsApi['create']>
export type Subscription = Data<SubscriptionsApi['show']>
/** With `requires_action`, Stripe.js goes on with `client_secret`. */
export type NewSubscription = Data<SubscriptionsApi['create']>
export type PlanChange = Body<SubscriptionsApi['changePlan']>
export type ChangePreview = Data<SubscriptionsApi['previewChange']>
export type DiscountInput = Body<DiscountsApi['create']>
export type Discount = Data<DiscountsApi['show']>
export type Invoice = Data<InvoicesApi['list']>['items'][number]
export type PaymentMethod = Data<PaymentMethodsApi['list']>['items'][number]
export type UsageInput = Body<UsageApi['recordOne']>
export type UsageRecord = Data<UsageApi['recordOne']>
export type VoidedUsage = Data<UsageApi['voidOne']>
export type UsageSummary = Data<UsageApi['summary']>
export type BillingStatus = Reply<StatusApi['show']>
/** `limit`: 1 to 100, by default 20. `cursor`: the `next_cursor` of the page before, which is null after the last. */
export type PageInput = { limit?: number | undefined; cursor?: string | undefined }
