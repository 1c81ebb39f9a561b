import { expect } from 'vitest'
import type { Reply, RequestOptions } from './requests.ts'
import type { Service } from './service.ts'

export const applicant = {
  email: 'ada@example.com',
  name: 'Ada Lovelace',
  company_name: 'Analytical Engines',
  phone: '+1234567890',
}
export const returnUrl = 'http://localhost:8080/onboarding/complete'
export const basicMonthly = { plan_id: 'basic', price_id: 'price_basic_monthly' }

export type PlanChoice = { plan_id: string; price_id: string; discount_code?: string }
const order = ['start', 'createCustomer', 'setupPayment', 'confirmCard', 'selectPlan', 'createSubscription']
type Step = 'start' | 'createCustomer' | 'setupPayment' | 'confirmCard' | 'selectPlan' | 'createSubscription'

export type Wizard = ReturnType<typeof wizard>

/** One tenant's way through onboarding, as a browser and its backend take it. `stripe` plays Stripe.js. */
export function wizard(
  service: Pick<Service, 'request' | 'stripe' | 'sandbox'>,
  options: { choice?: PlanChoice; card?: string; request?: RequestOptions } = {},
) {
  const { choice = basicMonthly, card = 'pm_card_visa' } = options
  const of = { sessionId: '', tenantId: '', token: '', customerId: '', setupIntentId: '', subscriptionId: '' }
  const post = async (path: string, body: object = {}, request = options.request): Promise<Reply> => {
    const session = of.sessionId === '' ? {} : { session_id: of.sessionId }
    const reply = await service.request('POST', path, { ...session, ...body }, request)
    const { data } = reply.body
    of.sessionId ||= data?.session_id ?? ''
    of.tenantId ||= data?.tenant_id ?? ''
    of.token ||= data?.session_token ?? ''
    of.customerId = data?.customer_id ?? of.customerId
    of.setupIntentId = data?.setup_intent_id ?? of.setupIntentId
    of.subscriptionId = data?.subscription_id ?? of.subscriptionId
    return reply
  }
  const steps = {
    start: (body: object = applicant, request?: RequestOptions) => post('/onboarding/start', body, request),
    createCustomer: (request?: RequestOptions) => post('/onboarding/step/create-customer', {}, request),
    setupPayment: (return_url = returnUrl, request?: RequestOptions) =>
      post('/onboarding/step/setup-payment', { return_url }, request),
    selectPlan: (other: PlanChoice = choice, request?: RequestOptions) =>
      post('/onboarding/step/select-plan', other, request),
    createSubscription: (request?: RequestOptions) =>
      post('/onboarding/step/create-subscription', {}, request),
    complete: (request?: RequestOptions) => post('/onboarding/complete', {}, request),
    cancel: (request?: RequestOptions) => post('/onboarding/cancel', {}, request),
  }
  const confirmCard = (name = card) =>
    service.stripe.setupIntents.confirm(of.setupIntentId, { payment_method: name, return_url: returnUrl })
  return {
    /** Ids as the replies have given them so far. */
    of,
    ...steps,
    confirmCard,
    /** Takes every step up to and with this one; each is expected to be done. */
    async to(last: Step): Promise<void> {
      for (const step of order.slice(0, order.indexOf(last) + 1) as Step[]) {
        if (step === 'confirmCard') await confirmCard()
        else {
          const reply = await steps[step]()
          expect(reply, step).toMatchObject({ status: 200 })
        }
      }
    },
    show: async (request = options.request) =>
      service.request('GET', `/onboarding/${of.sessionId}`, undefined, request),
  }
}

/** The bank's challenge. @param id of a setup intent or a subscription */
export async function authenticate(
  service: Pick<Service, 'sandbox'>,
  id: string,
  outcome: 'succeed' | 'fail' = 'succeed',
): Promise<void> {
  const url = `${service.sandbox.url}/_sandbox/authenticate/${id}`
  const { status } = await fetch(url, { method: 'POST', body: JSON.stringify({ outcome }) })
  expect(status).toBe(200)
}

/** What the worker would do now, by the service's clock. A failure stays in its row. */
export async function carryOutDue({ context }: Pick<Service, 'context'>): Promise<void> {
  const due = await context.db.reader
    .selectFrom('effects')
    .select('effect_id')
    .where('status', '=', 'pending')
    .where('due_at', '<=', context.now().toISOString())
    .orderBy('due_at')
    .execute()
  for (const { effect_id } of due) await context.effects.run(effect_id).catch(() => {})
}

/** Delivers the webhooks and waits for what they have led to. */
export async function settled(service: Pick<Service, 'context' | 'sandbox'>): Promise<void> {
  await service.sandbox.deliverDue()
  await refreshed(service)
}

/** Waits for the objects that webhooks have asked for. */
export async function refreshed({ context }: Pick<Service, 'context'>): Promise<void> {
  for (;;) {
    const pending = await context.db.reader
      .selectFrom('effects')
      .select('effect_id')
      .where('kind', '=', 'refresh_object')
      .where('status', '=', 'pending')
      .execute()
    if (pending.length === 0) return
    for (const { effect_id } of pending) await context.effects.run(effect_id)
  }
}

/** The types of a session's facts, without their common beginning. */
export async function factsOf({ context }: Pick<Service, 'context'>, sessionId: string): Promise<string[]> {
  const rows = await context.db.reader
    .selectFrom('billing_events')
    .select('type')
    .where('stream', '=', `onboarding-${sessionId}`)
    .orderBy('version')
    .execute()
  return rows.map(({ type }) => type.slice('onboarding.'.length))
}

export type SandboxRequest = {
  method: string
  path: string
  idempotency_key: string | null
  status: number | null
  replayed: boolean
}

/** What the sandbox was asked, oldest first. */
export async function requestsTo(
  { sandbox }: Pick<Service, 'sandbox'>,
  method: string,
  path: string,
): Promise<SandboxRequest[]> {
  const response = await fetch(`${sandbox.url}/_sandbox/requests`)
  const { requests } = (await response.json()) as { requests: SandboxRequest[] }
  return requests.filter((request) => request.method === method && request.path === path)
}
