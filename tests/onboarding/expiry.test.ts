import type Stripe from 'stripe'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ingest } from '../../src/inbox/ingest.ts'
import { wakeOverdue } from '../../src/onboarding/expiry.ts'
import { type HoldingProxy, startHoldingProxy } from '../support/holding-proxy.ts'
import { type Service, startService } from '../support/service.ts'
import { authenticate, basicMonthly, carryOutDue, factsOf, type Wizard, wizard } from '../support/wizard.ts'

/** A session ends by itself, wherever it stands when its time is over, and holds nothing then. No webhook comes. */

const hourMs = 3_600_000
const clock = { nowMs: Date.parse('2026-11-02T09:00:00.000Z') }
let service: Service
let proxy: HoldingProxy
beforeAll(async () => {
  proxy = await startHoldingProxy(() => service.sandbox.url)
  service = await startService({
    clock,
    catalogue: false,
    environment: { BILLING_TRIAL_PERIOD_DAYS: '0', STRIPE_API_BASE: proxy.url },
  })
})
afterAll(async () => {
  await service.close()
  await proxy.close()
})

/** A tenant whose choice holds the last redemption of a discount. */
async function newTenant(): Promise<Wizard> {
  const coupon = await service.stripe.coupons.create({
    percent_off: 10,
    duration: 'once',
    max_redemptions: 1,
  })
  return wizard(service, { choice: { ...basicMonthly, discount_code: coupon.id } })
}

const rowOf = ({ of }: Wizard) =>
  service.context.db.reader
    .selectFrom('onboarding_sessions')
    .select(['status', 'reserved_coupon_id', 'expires_at'])
    .where('session_id', '=', of.sessionId)
    .executeTakeFirstOrThrow()

async function hoursPass(hours: number): Promise<void> {
  clock.nowMs += hours * hourMs
  await carryOutDue(service)
}

/** Over by more than the longest backoff, with the worker at work. */
async function timePasses(): Promise<void> {
  await hoursPass(72)
  for (let hours = 0; hours < 4; hours += 1) await hoursPass(2)
}

async function choosesWithGuardedCard(tenant: Wizard): Promise<void> {
  await tenant.to('setupPayment')
  await tenant.confirmCard('pm_card_authenticationRequired')
  await authenticate(service, tenant.of.setupIntentId)
  expect((await tenant.selectPlan()).status).toBe(200)
}

async function waitsForTheBank(tenant: Wizard): Promise<void> {
  await choosesWithGuardedCard(tenant)
  expect(await tenant.createSubscription()).toMatchObject({ body: { data: { requires_action: true } } })
}

test.each([
  ['started', (tenant: Wizard) => tenant.to('start'), 'expired'],
  ['with a customer', (tenant: Wizard) => tenant.to('createCustomer'), 'expired'],
  ['with a SetupIntent', (tenant: Wizard) => tenant.to('setupPayment'), 'expired'],
  ['with a plan', (tenant: Wizard) => tenant.to('selectPlan'), 'expired'],
  ['subscribed', (tenant: Wizard) => tenant.to('createSubscription'), 'completed'],
  ['waiting for the bank', waitsForTheBank, 'cancelled'],
] as const)('a session that is %s when its time is over ends by itself', async (_place, take, end) => {
  const tenant = await newTenant()
  await take(tenant)
  await timePasses()
  expect(await rowOf(tenant)).toMatchObject({ status: end, reserved_coupon_id: null })
})

const calls = [
  { before: 'start', step: 'createCustomer', path: '/v1/customers', made: 'expired' },
  { before: 'createCustomer', step: 'setupPayment', path: '/v1/setup_intents', made: 'expired' },
  { before: 'selectPlan', step: 'createSubscription', path: '/v1/subscriptions', made: 'completed' },
] as const
const refusal = { error: { type: 'invalid_request_error', code: 'parameter_invalid', message: 'no' } }

test.each(
  calls.flatMap((call) => [
    { ...call, outcome: 'found', end: call.made },
    { ...call, outcome: 'made late', end: call.made },
    { ...call, outcome: 'refused', end: 'expired' },
  ]),
)(
  'a session that waits for Stripe at $step when its time is over ends with the answer: $outcome',
  async (at) => {
    const { before, step, path, outcome, end } = at
    const tenant = await newTenant()
    await tenant.to(before)
    const { faults } = service.sandbox
    if (outcome === 'found') faults.add({ method: 'POST', path, kind: '500_after' })
    // What was made is not found either, as long as Stripe does not answer.
    for (const method of ['GET', 'POST']) faults.add({ method, path, kind: '500_before', count: 1000 })
    expect((await tenant[step]()).status).toBe(503)
    await timePasses()
    expect((await tenant.show()).body.data.is_waiting_for_stripe).toBe(true)

    faults.clear()
    if (outcome === 'refused') proxy.answer('POST', path, 400, refusal)
    await hoursPass(2)
    expect(await rowOf(tenant)).toMatchObject({ status: end, reserved_coupon_id: null })
    const facts = await factsOf(service, tenant.of.sessionId)
    expect(facts.at(-2)).toMatch(outcome === 'refused' ? /_failed$/ : /_created$/)
    await hoursPass(72)
    expect(await factsOf(service, tenant.of.sessionId)).toEqual(facts)
  },
)

test('a bank that is waited for past the time of the session ends it, either way', async () => {
  const [comes, never] = [await newTenant(), await newTenant()]
  for (const tenant of [comes, never]) await choosesWithGuardedCard(tenant)
  // Fifty-nine minutes before the end, and the bank has twenty-three hours.
  clock.nowMs = Date.parse((await rowOf(never)).expires_at) - 59 * 60_000
  for (const tenant of [comes, never])
    expect(await tenant.createSubscription()).toMatchObject({ body: { data: { requires_action: true } } })
  await hoursPass(2)
  for (const tenant of [comes, never]) expect((await rowOf(tenant)).status).toBe('subscription_created')
  await authenticate(service, comes.of.subscriptionId)
  await hoursPass(1)
  expect((await rowOf(comes)).status).toBe('completed')
  for (let hours = 0; hours < 24; hours += 2) await hoursPass(2)
  expect((await rowOf(never)).status).toBe('cancelled')
})

test('a session whose subscription has ended is over at once, and says why', async () => {
  const tenant = await newTenant()
  await tenant.to('createSubscription')
  await service.stripe.subscriptions.cancel(tenant.of.subscriptionId)
  const { data } = await service.stripe.events.list({ type: 'customer.subscription.deleted', limit: 1 })
  await ingest(service.context, data[0] as Stripe.Event)
  expect((await tenant.show()).body.data).toMatchObject({
    status: 'cancelled',
    next_step: null,
    allowed_events: [],
    subscription: { subscription_status: 'canceled' },
  })
  const reason = expect.stringContaining('The subscription has ended before onboarding was complete')
  expect(await tenant.complete()).toMatchObject({
    status: 409,
    body: { error: { code: 'step_not_allowed', message: reason, details: { status: 'cancelled' } } },
  })
  expect(await tenant.selectPlan(basicMonthly)).toMatchObject({
    status: 409,
    body: { error: { message: reason } },
  })
})

test('a timer that rings too early, or is lost, leaves no session without one', async () => {
  const tenant = await newTenant()
  await tenant.to('selectPlan')
  const { effects, db } = service.context
  const timers = () =>
    db.reader
      .selectFrom('effects')
      .select('effect_id')
      .where('stream', '=', `onboarding-${tenant.of.sessionId}`)
      .where('kind', '=', 'expire_session')
      .where('status', '=', 'pending')
      .execute()
  for (let rings = 0; rings < 2; rings += 1) {
    const [timer] = await timers()
    await effects.run(timer?.effect_id ?? '')
    expect((await rowOf(tenant)).status).toBe('plan_selected')
    expect(await timers()).toHaveLength(1)
  }
  await db.transact((trx) =>
    trx
      .updateTable('effects')
      .set({ status: 'done' })
      .where('stream', '=', `onboarding-${tenant.of.sessionId}`)
      .execute(),
  )
  await timePasses()
  expect((await rowOf(tenant)).status).toBe('plan_selected')
  await service.context.transact({ actor: 'startup' }, wakeOverdue)
  await carryOutDue(service)
  expect(await rowOf(tenant)).toMatchObject({ status: 'expired', reserved_coupon_id: null })
})
