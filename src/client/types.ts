import type { z } from 'zod'
import type * as customerChanges from '../billing/change-customer.ts'
import type * as customers from '../billing/create-customer.ts'
import type * as newDiscounts from '../billing/create-discount.ts'
import type * as discounts from '../billing/discounts.ts'
import type * as payables from '../billing/invoices/payable.ts'
import type * as rebillings from '../billing/invoices/rebill.ts'
import type * as paymentMethods from '../billing/payment-methods.ts'
import type * as plans from '../billing/plans.ts'
import type * as portals from '../billing/portal.ts'
import type * as cardSetups from '../billing/set-up-card.ts'
import type * as changes from '../billing/subscriptions/change-plan.ts'
import type * as foretold from '../billing/subscriptions/change-preview.ts'
import type * as newSubscriptions from '../billing/subscriptions/create.ts'
import type * as previews from '../billing/subscriptions/preview-change.ts'
import type * as corrections from '../onboarding/correct-applicant.ts'
import type * as choices from '../onboarding/select-plan.ts'
import type * as starts from '../onboarding/start.ts'
import type * as wizards from '../onboarding/wizard-standing.ts'
import type * as usage from '../usage/record.ts'
import type * as records from '../usage/records.ts'
import type * as voids from '../usage/void.ts'
import type * as access from '../views/access.ts'
import type * as customerViews from '../views/customer.ts'
import type * as invoices from '../views/invoices.ts'
import type * as standings from '../views/standing.ts'
import type * as status from '../views/status.ts'
import type * as steps from '../views/step-replies.ts'
import type * as subscriptions from '../views/subscriptions.ts'
import type * as summaries from '../views/usage-summary.ts'

/**
 * What the service's schemas say of requests and replies. Types only: nothing of the service is loaded, and the package
 * has them written out (see build.ts).
 */

/** The session's token is a key for one session: its id goes into every body by itself. */
type OfSession<S extends z.ZodType> = Omit<z.input<S>, 'session_id'>

export type Applicant = z.input<typeof starts.StartInput>
/** What is left out stays as it is. */
export type ApplicantCorrection = OfSession<typeof corrections.Correction>
/** All that a subscription will be charged; amounts in the currency's minor unit. */
export type Due = Plan['prices'][number]['due']
export type StartedSession = z.output<typeof steps.StartedSession>
/** The whole position of a session; times are UTC ISO 8601. */
export type Position = wizards.WizardStanding
/** A change of a session: the position after it. The applicant and the publishable key come with `session()` alone. */
export type SessionChange = {
  /** The position in the log, for `after`. */
  id: string
  /** The fact's type, such as `onboarding.plan_selected`. */
  type: string
  position: Omit<Position, 'publishable_key' | 'applicant'>
}
export type CreatedCustomer = z.output<typeof steps.CreatedCustomer>
export type PaymentSetup = z.output<typeof steps.PaymentSetup>
export type PlanChoice = OfSession<typeof choices.PlanChoice>
/** Amounts in the currency's minor unit. */
export type SelectedPlan = z.output<typeof steps.PlanSelection>
export type CreatedSubscription = z.output<typeof steps.CreatedSubscription>
export type CompletedSession = z.output<typeof steps.CompletedSession>
export type CorrectedApplicant = standings.Standing
export type CancelledSession = standings.Standing
export type Plan = plans.Plan
export type CustomerInput = z.input<typeof customers.CustomerInput>
export type Customer = customerViews.Customer
/** What is left out stays as it is; the address is replaced as a whole. */
export type CustomerChange = z.input<typeof customerChanges.CustomerChange>
export type SubscriptionInput = z.input<typeof newSubscriptions.SubscriptionInput>
export type Subscription = subscriptions.Subscription
/** With `requires_action`, Stripe.js goes on with `client_secret`. */
export type NewSubscription = newSubscriptions.NewSubscription
export type PlanChange = z.input<typeof changes.PlanChange>
/** Without `change`: of the plan. */
export type ChangeToPreview = z.input<typeof previews.ChangeToPreview>
/** What a change of plan would make due at once, the next invoice after it, and what Stripe calculates. */
export type ChangePreview = foretold.PlanPreview
/** Of a cancellation, a pause or their end. */
export type OtherPreview = foretold.OtherPreview
export type DiscountInput = z.input<typeof newDiscounts.DiscountInput>
export type Discount = discounts.Discount
/** Its total is paid, outstanding, written off, forgiven, credited and balance together. */
export type Invoice = invoices.Invoice
export type PayableInvoice = payables.PayableInvoice
export type Rebilling = rebillings.Rebilling
export type PaymentMethod = paymentMethods.PaymentMethod
export type CardSetup = cardSetups.CardSetup
export type PortalSession = portals.PortalSession
export type UsageInput = z.input<ReturnType<typeof usage.UsageInput>>
export type UsageRecord = usage.UsageRecord
export type RecordedUsage = usage.RecordedUsage
export type VoidedUsage = voids.VoidedUsage
export type UsageRecordStanding = records.UsageRecordStanding
export type UsageSummary = summaries.UsageSummary
export type TenantAccess = access.TenantAccess
export type BillingStatus = status.BillingStatus
/** `limit`: 1 to 100, by default 20. `cursor`: the `next_cursor` of the page before, which is null after the last. */
export type PageInput = { limit?: number | undefined; cursor?: string | undefined }
