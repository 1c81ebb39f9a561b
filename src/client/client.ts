import { StepledgerError } from './error.ts'
import { readEvents } from './event-stream.ts'
import { backoffMs, pause, type RequestOptions, sender } from './request.ts'
import type {
  Applicant,
  ApplicantCorrection,
  BillingStatus,
  CancelledSession,
  CardSetup,
  ChangePreview,
  ChangeToPreview,
  CompletedSession,
  CorrectedApplicant,
  CreatedCustomer,
  CreatedSubscription,
  Customer,
  CustomerChange,
  CustomerInput,
  Discount,
  DiscountInput,
  Invoice,
  NewSubscription,
  OtherPreview,
  PageInput,
  PayableInvoice,
  PaymentMethod,
  PaymentSetup,
  Plan,
  PlanChange,
  PlanChoice,
  PortalSession,
  Position,
  Rebilling,
  RecordedUsage,
  SelectedPlan,
  SessionChange,
  StartedSession,
  Subscription,
  SubscriptionInput,
  TenantAccess,
  UsageInput,
  UsageRecord,
  UsageRecordStanding,
  UsageSummary,
  VoidedUsage,
} from './types.ts'

export { type FieldProblem, StepledgerError } from './error.ts'
export type { RequestOptions } from './request.ts'
export type * from './types.ts'

export type Client = ReturnType<typeof createClient>

/**
 * The service, for browsers and for Node. Every call answers the reply's `data` and throws `StepledgerError`; what may
 * pass by itself is tried again under the same Idempotency-Key before that.
 * @param options.baseUrl such as https://billing.example.com; '' in a page of the service itself
 * @param options.key of the platform or of a tenant; in a browser only ever a session's token
 *
 * ```ts
 * const stepledger = createClient({ baseUrl: 'http://localhost:8080', key: process.env.STEPLEDGER_KEY })
 * const { session_id, session_token } = await stepledger.start({ email, name, company_name })
 * // and in the browser:
 * const mine = createClient({ baseUrl: '', key: session_token })
 * for await (const { position } of mine.watch(session_id)) show(position)
 * ```
 */
export function createClient(options: { baseUrl: string; key: string; fetch?: typeof fetch }) {
  const send = sender(options)
  const get = async <T>(path: string, options?: RequestOptions) => dataOf<T>(await send('GET', path, options))
  const post = async <T>(path: string, body: object, options?: RequestOptions) =>
    dataOf<T>(await send('POST', path, { ...options, body }))
  const patch = async <T>(path: string, body: object, options?: RequestOptions) =>
    dataOf<T>(await send('PATCH', path, { ...options, body }))
  const remove = async <T>(path: string, options?: RequestOptions) =>
    dataOf<T>(await send('DELETE', path, options))
  const list = <T>(path: string, page: PageInput, options?: RequestOptions) =>
    get<{ items: T[]; next_cursor: string | null }>(`${path}${queryOf(page)}`, options)
  const idOf = encodeURIComponent

  return {
    /** Step 1, with a key of the platform. `session_token` is for the browser. */
    start: (applicant: Applicant, options?: RequestOptions) =>
      post<StartedSession>('/onboarding/start', applicant, options),
    /** Corrects whom the session is for, until the subscription exists. */
    correctApplicant: (sessionId: string, correction: ApplicantCorrection, options?: RequestOptions) =>
      post<CorrectedApplicant>('/onboarding/applicant', { session_id: sessionId, ...correction }, options),
    /** Step 2. */
    createCustomer: (sessionId: string, options?: RequestOptions) =>
      post<CreatedCustomer>('/onboarding/step/create-customer', { session_id: sessionId }, options),
    /**
     * Step 3: the secret for Stripe.js to confirm a card with.
     * @param returnUrl of an allowed origin
     * @param options.anotherCard than the one that is confirmed already
     */
    setupPayment: (
      sessionId: string,
      returnUrl: string,
      { anotherCard, ...options }: RequestOptions & { anotherCard?: boolean } = {},
    ) =>
      post<PaymentSetup>(
        '/onboarding/step/setup-payment',
        { session_id: sessionId, return_url: returnUrl, ...(anotherCard && { another_card: true }) },
        options,
      ),
    /** What a plan would cost; changes nothing. */
    previewPlan: (sessionId: string, choice: PlanChoice, options?: RequestOptions) =>
      post<SelectedPlan>('/onboarding/step/preview-plan', { session_id: sessionId, ...choice }, options),
    /** Step 4; again with another plan until the subscription exists. */
    selectPlan: (sessionId: string, choice: PlanChoice, options?: RequestOptions) =>
      post<SelectedPlan>('/onboarding/step/select-plan', { session_id: sessionId, ...choice }, options),
    /** Step 5. With `requires_action`, Stripe.js goes on with `client_secret`. */
    createSubscription: (sessionId: string, options?: RequestOptions) =>
      post<CreatedSubscription>('/onboarding/step/create-subscription', { session_id: sessionId }, options),
    /** Step 6. */
    complete: (sessionId: string, options?: RequestOptions) =>
      post<CompletedSession>('/onboarding/complete', { session_id: sessionId }, options),
    cancel: (sessionId: string, options?: RequestOptions) =>
      post<CancelledSession>('/onboarding/cancel', { session_id: sessionId }, options),
    /** Where it stands. */
    session: (sessionId: string, options?: RequestOptions) =>
      get<Position>(`/onboarding/${idOf(sessionId)}`, options),
    /**
     * The changes of a session as they happen, beginning with its present position, until it is over. A broken
     * connection is taken up again where it broke.
     * @param options.after an `id` of an earlier change: begins after that one
     * @throws StepledgerError when the service refuses
     */
    watch: (sessionId: string, options: { after?: string; signal?: AbortSignal } = {}) =>
      changes(send, `/onboarding/${idOf(sessionId)}/stream`, options),

    /** What can be subscribed to; the plans with the lowest prices first. */
    plans: async (options?: RequestOptions): Promise<Plan[]> =>
      (await list<Plan>('/billing/plans', { limit: 100 }, options)).items,

    /** The tenant's one customer at Stripe, for a tenant without onboarding; again: the same one. */
    addCustomer: (customer: CustomerInput, options?: RequestOptions) =>
      post<Customer>('/billing/customers', customer, options),
    customer: (tenantId: string, options?: RequestOptions) =>
      get<Customer>(`/billing/customers/tenant/${idOf(tenantId)}`, options),
    changeCustomer: (tenantId: string, change: CustomerChange, options?: RequestOptions) =>
      patch<Customer>(`/billing/customers/tenant/${idOf(tenantId)}`, change, options),

    /** One live subscription per tenant. */
    subscribe: (subscription: SubscriptionInput, options?: RequestOptions) =>
      post<NewSubscription>('/billing/subscriptions', subscription, options),
    /** The live one, or else the last one. */
    subscription: (tenantId: string, options?: RequestOptions) =>
      get<Subscription>(`/billing/subscriptions/tenant/${idOf(tenantId)}`, options),
    /** What a move to another price would cost; changes nothing. */
    previewChange: <C extends ChangeToPreview>(subscriptionId: string, change: C, options?: RequestOptions) =>
      post<C extends { price_id: string } ? ChangePreview : OtherPreview>(
        `/billing/subscriptions/${idOf(subscriptionId)}/preview-change`,
        change,
        options,
      ),
    changePlan: (subscriptionId: string, change: PlanChange, options?: RequestOptions) =>
      post<Subscription>(`/billing/subscriptions/${idOf(subscriptionId)}/change-plan`, change, options),
    /** With its period, or now: `{ at_period_end: false }`. */
    cancelSubscription: (
      subscriptionId: string,
      how: { at_period_end?: boolean } = {},
      options?: RequestOptions,
    ) => post<Subscription>(`/billing/subscriptions/${idOf(subscriptionId)}/cancel`, how, options),
    /** Takes a cancellation or a pause back. */
    resumeSubscription: (subscriptionId: string, options?: RequestOptions) =>
      post<Subscription>(`/billing/subscriptions/${idOf(subscriptionId)}/resume`, {}, options),
    /** Collects nothing until it is resumed. */
    pauseSubscription: (subscriptionId: string, options?: RequestOptions) =>
      post<Subscription>(`/billing/subscriptions/${idOf(subscriptionId)}/pause`, {}, options),

    /** Newest first. */
    invoices: (tenantId: string, page: PageInput = {}, options?: RequestOptions) =>
      list<PayableInvoice>(`/billing/invoices/tenant/${idOf(tenantId)}`, page, options),
    /** Collects an open one now. */
    retryInvoice: (invoiceId: string, how: { reason?: string } = {}, options?: RequestOptions) =>
      post<PayableInvoice>(`/billing/invoices/${idOf(invoiceId)}/retry`, how, options),
    /** What it asked for is forgiven. */
    voidInvoice: (invoiceId: string, how: { reason?: string } = {}, options?: RequestOptions) =>
      post<Invoice>(`/billing/invoices/${idOf(invoiceId)}/void`, how, options),
    /** Makes usage and platform base of a voided one due again, or what was edited off one at Stripe. */
    rebillInvoice: (invoiceId: string, how: { reason?: string } = {}, options?: RequestOptions) =>
      post<Rebilling>(`/billing/invoices/${idOf(invoiceId)}/rebill`, how, options),
    /** Those attached to the tenant's customer, newest first. */
    paymentMethods: (tenantId: string, page: PageInput = {}, options?: RequestOptions) =>
      list<PaymentMethod>(`/billing/payment-methods/tenant/${idOf(tenantId)}`, page, options),
    /**
     * The secret for Stripe.js to confirm another card with, which then pays from there on.
     * @param returnUrl of an allowed origin
     */
    setUpCard: (tenantId: string, returnUrl: string, options?: RequestOptions) =>
      post<CardSetup>(
        '/billing/payment-methods/setup',
        { tenant_id: tenantId, return_url: returnUrl },
        options,
      ),
    /** An address of Stripe's customer portal, to send the browser to at once. @param returnUrl of an allowed origin */
    openPortal: (tenantId: string, returnUrl: string, options?: RequestOptions) =>
      post<PortalSession>('/billing/portal', { tenant_id: tenantId, return_url: returnUrl }, options),

    /** Again with the same terms: the same one. */
    createDiscount: (discount: DiscountInput, options?: RequestOptions) =>
      post<Discount>('/billing/discounts', discount, options),
    /** Of a code, in any case. */
    discount: (code: string, options?: RequestOptions) =>
      get<Discount>(`/billing/discounts/${idOf(code)}`, options),
    /** Newest first. */
    discounts: (page: PageInput = {}, options?: RequestOptions) =>
      list<Discount>('/billing/discounts', page, options),
    /** Who has redeemed it keeps it. */
    deleteDiscount: (code: string, options?: RequestOptions) =>
      remove<Discount>(`/billing/discounts/${idOf(code)}`, options),

    recordUsage: (usage: UsageInput, options?: RequestOptions) =>
      post<RecordedUsage>('/billing/usage', usage, options),
    /** 1 to 1000 records, all or none. */
    recordUsageBatch: async (records: UsageInput[], options?: RequestOptions): Promise<UsageRecord[]> =>
      (await post<{ records: UsageRecord[] }>('/billing/usage/batch', { records }, options)).records,
    /** Takes a record out of every sum; what was charged for it comes back as a credit. */
    voidUsage: (recordId: string, how: { reason?: string } = {}, options?: RequestOptions) =>
      post<VoidedUsage>(`/billing/usage/${idOf(recordId)}/void`, how, options),
    /** What occurred in a period, by default at any time, latest first: on which invoice it is, and when that was paid. */
    usageRecords: (
      tenantId: string,
      page: PageInput & { period_start?: string; period_end?: string } = {},
      options?: RequestOptions,
    ) => list<UsageRecordStanding>(`/billing/usage/tenant/${idOf(tenantId)}/records`, page, options),
    /** Times are ISO 8601; by default this month, UTC. */
    usageSummary: (
      tenantId: string,
      period: { period_start?: string; period_end?: string } = {},
      options?: RequestOptions,
    ) => get<UsageSummary>(`/billing/usage/tenant/${idOf(tenantId)}/summary${queryOf(period)}`, options),
    /** Where a tenant stands: customer, subscription, what is owed, what the next invoice will be. */
    billingStatus: async (tenantId: string, options?: RequestOptions): Promise<BillingStatus> =>
      read(await send('GET', `/billing/status/tenant/${idOf(tenantId)}`, options)),
    /** What a tenant may use, until when and why. */
    access: (tenantId: string, options?: RequestOptions) =>
      get<TenantAccess>(`/billing/access/tenant/${idOf(tenantId)}`, options),
  }
}

/** Trusted to be what the service says that it answers. */
const read = async <T>(response: Response): Promise<T> => JSON.parse(await response.text())
const dataOf = async <T>(response: Response) => (await read<{ data: T }>(response)).data

/** What is undefined is left out. */
function queryOf(values: Record<string, string | number | undefined>): string {
  const given = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  )
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}

async function* changes(
  send: ReturnType<typeof sender>,
  path: string,
  { after, signal }: { after?: string; signal?: AbortSignal },
): AsyncGenerator<SessionChange, void> {
  let lastId = after
  for (let failures = 0; ; ) {
    let waitMs = 0
    try {
      const headers = lastId === undefined ? {} : { 'Last-Event-ID': lastId }
      const response = await send('GET', path, { headers, signal, attempts: 1 })
      // The stream's way of saying that nothing will come any more.
      if (response.status === 204 || response.body === null) return
      for await (const { id, type, data } of readEvents(response.body)) {
        failures = 0
        lastId = id
        yield { id, type, position: JSON.parse(data) }
      }
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof StepledgerError) {
        const { status, retryAfterSeconds = 0 } = error
        if (status >= 400 && status < 500 && status !== 408 && status !== 429) throw error
        waitMs = retryAfterSeconds * 1000
      }
    }
    failures += 1
    await pause(Math.max(waitMs, backoffMs(failures)), signal)
  }
}
