import type { OnboardingFactType } from '../../machines/onboarding-facts.ts'
import type { Database } from '../../src/db/database.ts'
import { type FactData, type NewFact, streams } from '../../src/log/facts.ts'
import { lastPosition } from '../../src/log/read.ts'
import { record } from '../../src/projections/record.ts'
import { machineVersion } from '../../src/session/session.ts'
import { ensureRateCard } from '../../src/usage/ensure-rate-card.ts'
import { at, epoch, newFact, observed, recordAll, stripeEvent, tenant, usageRecorded } from './facts.ts'
import { transactAt } from './turns.ts'

export const session = '11111111-1111-4111-8111-111111111111'
/** All that is personal in the incident. */
export const secrets = [
  'Ada Lovelace',
  'ada@example.com',
  'ada@new.example.com',
  '+1234567890',
  'Analytical Engines',
]
const rates = { agent: 5000, user: 2500, case: 1000, event_ingestion: 1, api_call: 10, platform_base: 10_000 }

type Step = { [T in OnboardingFactType]: [type: T, data: FactData<T>] }[OnboardingFactType]

const call = { attempt: 1, idempotency_key: 'key' }
/** How a session goes: a card that is declined, another one, a plan, a subscription. */
export const steps: Step[] = [
  [
    'onboarding.started',
    {
      session_id: session,
      expires_at: at(72 * 3600),
      request_hash: '0'.repeat(64),
      personal: {
        email: 'ada@example.com',
        name: 'Ada Lovelace',
        company_name: 'Analytical Engines',
        phone: '+1234567890',
        success_url: null,
      },
    },
  ],
  [
    'onboarding.customer_requested',
    { ...call, personal: { params: { email: 'ada@example.com', metadata: { tenant_id: tenant } } } },
  ],
  ['onboarding.customer_created', { customer_id: 'cus_ada' }],
  [
    'onboarding.payment_setup_requested',
    {
      ...call,
      params: { customer: 'cus_ada' },
      personal: { return_url: 'http://localhost:8080/done?for=ada' },
    },
  ],
  ['onboarding.payment_setup_created', { setup_intent_id: 'seti_ada' }],
  [
    'onboarding.payment_declined',
    { setup_intent_id: 'seti_ada', code: 'card_declined', decline_code: 'generic_decline' },
  ],
  ['onboarding.payment_confirmed', { setup_intent_id: 'seti_ada', payment_method_id: 'pm_ada' }],
  [
    'onboarding.plan_selected',
    {
      plan_id: 'basic',
      plan_name: 'Basic',
      price_id: 'price_basic_monthly',
      amount_cents: 4900,
      currency: 'usd',
      billing_interval: 'month',
      billing_interval_count: 1,
      discount: null,
      discount_cents: 0,
      amount_after_discount_cents: 4900,
    },
  ],
  ['onboarding.subscription_requested', { ...call, params: { customer: 'cus_ada' } }],
  [
    'onboarding.subscription_created',
    { subscription_id: 'sub_ada', subscription_status: 'active', trial_ends_at: null },
  ],
]

export const customer = (email: string) => ({
  id: 'cus_ada',
  object: 'customer',
  created: epoch,
  email,
  name: 'Ada Lovelace',
})

export const subscription = {
  id: 'sub_ada',
  object: 'subscription',
  created: epoch + 10,
  customer: 'cus_ada',
  status: 'active',
  currency: 'usd',
  metadata: { plan_id: 'basic' },
  items: {
    data: [
      {
        id: 'si_ada',
        quantity: 1,
        price: {
          id: 'price_basic_monthly',
          unit_amount: 4900,
          currency: 'usd',
          recurring: { interval: 'month' },
        },
        current_period_start: epoch + 10,
        current_period_end: epoch + 31 * 86_400,
      },
    ],
  },
}

export const invoice = (status: 'open' | 'paid', totalCents: number) => ({
  id: 'in_ada',
  object: 'invoice',
  created: epoch + 31 * 86_400,
  customer: 'cus_ada',
  status,
  billing_reason: 'subscription_cycle',
  currency: 'usd',
  total: totalCents,
  amount_due: totalCents,
  amount_paid: status === 'paid' ? totalCents : 0,
  amount_remaining: status === 'paid' ? 0 : totalCents,
  attempted: true,
  attempt_count: 1,
  period_start: epoch,
  period_end: epoch + 31 * 86_400,
  customer_email: 'ada@example.com',
  status_transitions: { paid_at: status === 'paid' ? epoch + 31 * 86_400 : null },
  parent: { subscription_details: { subscription: 'sub_ada' } },
})

/**
 * A tenant's way from its first fact to an unpaid invoice, on a new database. Returns the positions to look back to.
 * Fact n of the session is recorded n seconds after the epoch.
 */
export async function recordIncident(
  db: Database,
): Promise<{ planSelected: number; live: number; end: number }> {
  await ensureRateCard({ transact: transactAt(db, at(0)) }, { rates, currency: 'usd' })
  await recordSteps(db, steps.slice(0, 3))
  await recordAll(db, [observed('customer', customer('ada@example.com'), 3)], at(3))
  await recordSteps(db, steps.slice(3, 8), 3)
  const planSelected = await lastPosition(db.reader)
  await recordSteps(db, steps.slice(8), 8)
  await recordAll(db, [observed('subscription', subscription, 10)], at(11))
  const live = await lastPosition(db.reader)
  await recordAll(
    db,
    [
      usageRecorded('usg_1', 20, { quantity: 2 }),
      usageRecorded('usg_2', 30),
      usageRecorded('usg_3', 40, { usage_type: 'api_call', quantity: 250_000 }),
      stripeEvent('customer.updated', 'customer', customer('ada@new.example.com'), 50),
      stripeEvent('invoice.finalized', 'invoice', invoice('open', 20_400), 31 * 86_400),
    ],
    at(60),
  )
  return { planSelected, live, end: await lastPosition(db.reader) }
}

/** Records facts of a session, from version `after` on, without asking the statechart. */
export async function recordSteps(
  db: Database,
  facts: readonly Step[],
  after = 0,
  of: { sessionId?: string; tenantId?: string } = {},
): Promise<void> {
  const { sessionId = session, tenantId = tenant } = of
  for (const [index, [type, data]] of facts.entries()) {
    const time = at(after + index)
    const fact = {
      ...newFact(type, type === 'onboarding.started' ? { ...data, session_id: sessionId } : (data as never), {
        tenantId,
        occurredAt: time,
        factId: `${sessionId}:${after + index}`,
      }),
      metadata: { actor: 'worker', machine_version: machineVersion },
    } as NewFact
    await db.transact((trx) => record(trx, streams.onboarding(sessionId), 'any', [fact], time))
  }
}
