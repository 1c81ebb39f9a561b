// A host's code, as strict as a host can be: it is compiled against the installed package.
import { Hono } from 'hono'
import {
  type Applicant,
  type BillingStatus,
  type Client,
  createClient,
  type Invoice,
  type Plan,
  type Position,
  type SessionChange,
  StepledgerError,
  type UsageInput,
} from 'stepledger/client'
import { claimedTenant, type RecordedBatch, usageTracking } from 'stepledger/middleware'

const stepledger: Client = createClient({ baseUrl: 'https://billing.example.com', key: 'slk_…' })

export async function onboard(applicant: Applicant, show: (position: SessionChange['position']) => void) {
  const { session_id, session_token, tenant_id } = await stepledger.start(applicant, {
    idempotencyKey: 'one',
  })
  const wizard = createClient({ baseUrl: '', key: session_token, fetch })
  await wizard.createCustomer(session_id)
  const { client_secret, publishable_key } = await wizard.setupPayment(session_id, 'https://app.example.com/')
  const [plan] = await wizard.plans()
  const choice = { plan_id: plan?.plan_id ?? '', price_id: plan?.prices[0]?.price_id ?? '' }
  const preview = await wizard.previewPlan(session_id, choice)
  const selected = await wizard.selectPlan(session_id, { ...choice, discount_code: 'LAUNCH50' })
  const { subscription_status } = await wizard.createSubscription(session_id)
  await wizard.complete(session_id)
  const stop = new AbortController()
  for await (const { id, position } of wizard.watch(session_id, { after: '1', signal: stop.signal })) {
    show(position)
    if (position.status === 'completed') return { id, client_secret, publishable_key, tenant_id }
  }
  const standing: Position = await wizard.session(session_id)
  const cents: number = selected.amount_after_discount_cents - preview.discount_cents
  return { standing, cents, subscription_status }
}

export async function operate(tenantId: string): Promise<BillingStatus> {
  const customer = await stepledger.addCustomer({ tenant_id: tenantId, email: 'a@example.com', name: 'A' })
  await stepledger.customer(tenantId)
  const { subscription_id } = await stepledger.subscribe({
    tenant_id: tenantId,
    customer_id: customer.customer_id,
    price_id: 'price_basic_monthly',
  })
  await stepledger.subscription(tenantId)
  const change = { price_id: 'price_enterprise_monthly' }
  const due: number = (await stepledger.previewChange(subscription_id, change)).amount_due_cents
  const { next_invoice } = await stepledger.previewChange(subscription_id, { change: 'cancel' })
  await stepledger.changePlan(subscription_id, { ...change, proration_behavior: 'none' })
  await stepledger.cancelSubscription(subscription_id, { at_period_end: false })
  await stepledger.resumeSubscription(subscription_id)
  await stepledger.pauseSubscription(subscription_id)

  const used: UsageInput = {
    tenant_id: tenantId,
    usage_type: 'case',
    quantity: 1,
    metadata: { due, last: next_invoice?.total_cents },
  }
  const { record_id } = await stepledger.recordUsage(used)
  await stepledger.recordUsageBatch([used, used])
  await stepledger.voidUsage(record_id, { reason: 'twice' })
  const { totals } = await stepledger.usageSummary(tenantId, { period_start: '2026-01-01T00:00:00Z' })

  const { code } = await stepledger.createDiscount({ code: 'SUMMER', percent_off: 25 })
  await stepledger.discount(code)
  await stepledger.discounts({ limit: 5 })
  await stepledger.deleteDiscount(code)

  const invoices: Invoice[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await stepledger.invoices(tenantId, { limit: totals.amount_cents, cursor })
    invoices.push(...page.items)
    cursor = page.next_cursor
  }
  const cards = (await stepledger.paymentMethods(tenantId)).items.map(({ last4 }) => last4)
  return { ...(await stepledger.billingStatus(tenantId)), customer_id: cards[0] ?? null }
}

export function explain(error: unknown): string {
  if (!(error instanceof StepledgerError)) return 'unknown'
  return error.fields.map(({ path, message }) => `${path} ${message}`).join() || error.code
}

export const app = new Hono().use(
  usageTracking({
    tenantOf: claimedTenant,
    record: async (batches: RecordedBatch[]) => {
      await stepledger.recordUsageBatch(
        batches.map(({ tenantId, quantity, idempotencyKey, occurredAt }) => ({
          tenant_id: tenantId,
          usage_type: 'api_call',
          quantity,
          idempotency_key: idempotencyKey,
          occurred_at: occurredAt,
        })),
      )
    },
  }),
)

// Types that were any would let all of these pass.
// @ts-expect-error an e-mail address is a string
stepledger.start({ email: 1, name: 'A', company_name: 'B' })
// @ts-expect-error nobody knows this type of usage
stepledger.recordUsage({ tenant_id: 'a', usage_type: 'coffee', quantity: 1 })
// @ts-expect-error plans have no colour
export const colour = (plan: Plan) => plan.colour
// @ts-expect-error tenantOf is not optional
usageTracking({ record: async () => {} })
