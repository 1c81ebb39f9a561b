import { afterAll, beforeAll, expect, test } from 'vitest'
import { getShortestPaths } from 'xstate/graph'
import { onboardingMachine } from '../../machines/onboarding.ts'
import type { OnboardingFact } from '../../machines/onboarding-facts.ts'
import type { StepName } from '../../machines/onboarding-steps.ts'
import {
  allowedSteps,
  endingOf,
  evolve,
  initialSnapshot,
  placeOf,
  type Snapshot,
  statusOf,
} from '../../src/session/session.ts'
import { type HoldingProxy, startHoldingProxy } from '../support/holding-proxy.ts'
import { type Service, startService } from '../support/service.ts'
import { exploration, explored, fact, serializeState } from '../support/statechart.ts'

/**
 * The paths come from the statechart itself: to every transition, the shortest way. Each is then taken over HTTP against
 * the sandbox, and after every fact the service must be where the statechart says.
 */

type Path = OnboardingFact[]

function pathsToEveryTransition(): [string, Path][] {
  const ways = new Map<string, Path>()
  for (const path of getShortestPaths(onboardingMachine, exploration))
    ways.set(
      serializeState(path.state as Snapshot),
      path.steps
        .map(({ event }) => event as OnboardingFact)
        .filter(({ type }) => type.startsWith('onboarding.')),
    )
  const paths = new Map<string, Path>()
  for (const { state, taken } of explored)
    for (const { event, next } of taken) {
      const way = ways.get(serializeState(state))
      if (way === undefined) throw new Error(`no way to ${serializeState(state)}`)
      const name = `${serializeState(state)} -- ${event.type} --> ${placeOf(next)}`
      paths.set(name, [...way, event])
    }
  return [...paths]
}

const hourMs = 3_600_000
const clock = { nowMs: Date.parse('2026-11-02T09:00:00.000Z') }
let service: Service
let proxy: HoldingProxy

beforeAll(async () => {
  proxy = await startHoldingProxy(() => service.sandbox.url)
  service = await startService({
    clock,
    webhooks: true,
    catalogue: false,
    environment: {
      BILLING_TRIAL_PERIOD_DAYS: '0',
      ONBOARDING_SESSION_TTL_HOURS: '1',
      STRIPE_API_BASE: proxy.url,
    },
  })
})
afterAll(async () => {
  await service.close()
  await proxy.close()
})

const paths = pathsToEveryTransition()

test('the paths take every event that any state of the statechart declares', () => {
  const taken = new Set(paths.map(([name, path]) => `${name.split(/[. ]/)[0]} ${path.at(-1)?.type}`))
  for (const state of Object.values(onboardingMachine.states))
    for (const type of state.events) expect([...taken]).toContain(`${state.key} ${type}`)
})

test.each(paths)('%s', async (_name, path) => {
  const session = begin()
  let expected = initialSnapshot
  for (let index = 0; index < path.length; index += 1) {
    const taken = path[index] as OnboardingFact
    const outcome = path[index + 1]
    // It was over before anybody could ask for that.
    if (expected.status === 'done' && taken.type === 'onboarding.cancelled') continue
    expected = evolved(expected, taken)
    await drive(session, taken, path.slice(index + 1))
    // A call's question and answer are one request.
    if (taken.type.endsWith('_requested')) {
      const answer = outcome ?? answerTo(taken)
      expected = evolved(expected, answer)
      index += 1
    }
    await service.sandbox.deliverDue()
    const { body } = await service.request('GET', `/onboarding/${session.id}`)
    expect(body.data, `after ${taken.type}`).toMatchObject({
      status: statusOf(expected),
      allowed_events: allowedSteps(expected),
    })
  }
  await refusesTheRest(session, expected)
})

/** After the fact, and after what follows from it by itself. */
function evolved(before: Snapshot, taken: OnboardingFact): Snapshot {
  const { snapshot } = evolve(before, taken)
  const ending = endingOf(snapshot, '')
  return ending === null ? snapshot : evolve(snapshot, ending).snapshot
}

type Driven = { id: string; tenantId: string; setupIntentId: string; subscriptionId: string; yearly: boolean }
const begin = (): Driven => ({ id: '', tenantId: '', setupIntentId: '', subscriptionId: '', yearly: false })

/** What makes the fact happen, with what comes after it in mind: the card decides what the bank will want. */
async function drive(session: Driven, taken: OnboardingFact, rest: Path): Promise<void> {
  const { stripe } = service
  const failsNext = rest[0]?.type.endsWith('_failed') ?? false
  switch (taken.type) {
    case 'onboarding.started': {
      const applicant = { email: 'a@example.com', name: 'A', company_name: 'A Ltd' }
      const { body } = await service.request('POST', '/onboarding/start', applicant)
      session.id = body.data.session_id
      session.tenantId = body.data.tenant_id
      return
    }
    case 'onboarding.customer_requested':
      if (failsNext) proxy.answer('POST', '/v1/customers', 400, refusal)
      return step(session, 'create_customer', failsNext ? 422 : 200)
    case 'onboarding.customer_created':
      await service.request('POST', '/billing/customers', {
        tenant_id: session.tenantId,
        email: 'a@example.com',
        name: 'A',
      })
      return step(session, 'create_customer', 200)
    case 'onboarding.applicant_corrected': {
      const correction = { session_id: session.id, name: 'A. Nother' }
      const { status } = await service.request('POST', '/onboarding/applicant', correction)
      return expect(status).toBe(200)
    }
    case 'onboarding.payment_setup_requested': {
      const before = session.setupIntentId && (await stripe.setupIntents.retrieve(session.setupIntentId))
      if (before && before.status !== 'succeeded') await stripe.setupIntents.cancel(session.setupIntentId)
      if (failsNext) proxy.answer('POST', '/v1/setup_intents', 400, refusal)
      return step(session, 'setup_payment', failsNext ? 422 : 200)
    }
    case 'onboarding.payment_confirmed':
      return confirm(session, wantsAuthentication(rest))
    case 'onboarding.payment_declined':
      await stripe.setupIntents
        .confirm(session.setupIntentId, { payment_method: 'pm_card_chargeDeclined', return_url: returnUrl })
        .then(
          () => expect.unreachable('the card should be declined'),
          () => {},
        )
      return
    case 'onboarding.payment_method_unusable': {
      const { payment_method: card } = await stripe.setupIntents.retrieve(session.setupIntentId)
      await stripe.paymentMethods.detach(String(card))
      return
    }
    case 'onboarding.plan_selected':
      return step(session, 'select_plan', 200)
    case 'onboarding.subscription_requested':
      if (failsNext) proxy.answer('POST', '/v1/subscriptions', 402, decline)
      return step(session, 'create_subscription', failsNext ? 402 : 200)
    case 'onboarding.subscription_activated':
      await fetch(`${service.sandbox.url}/_sandbox/authenticate/${session.subscriptionId}`, {
        method: 'POST',
        body: JSON.stringify({ outcome: 'succeed' }),
      })
      return
    case 'onboarding.subscription_expired':
      await stripe.subscriptions.cancel(session.subscriptionId)
      return
    case 'onboarding.completed':
      return step(session, 'complete', 200)
    case 'onboarding.cancelled':
      return step(session, 'cancel', 200)
    case 'onboarding.expired':
      clock.nowMs += hourMs
      return service.context.effects.run(`expire:${session.id}`)
    default:
      throw new Error(`${taken.type} is the answer to a call`)
  }
}

const returnUrl = 'http://localhost:8080/done'
const refusal = { error: { type: 'invalid_request_error', code: 'parameter_invalid', message: 'no' } }
const decline = {
  error: { type: 'card_error', code: 'card_declined', decline_code: 'generic_decline', message: 'no' },
}

function wantsAuthentication(rest: Path): boolean {
  const next = rest.findIndex(({ type }) => type === 'onboarding.payment_setup_created')
  const withThisCard = next === -1 ? rest : rest.slice(0, next)
  return withThisCard.some(
    (fact) =>
      fact.type === 'onboarding.subscription_created' && fact.data.subscription_status === 'incomplete',
  )
}

/** What a call is answered with where the path ends with the question. */
function answerTo(asked: OnboardingFact): OnboardingFact {
  switch (asked.type) {
    case 'onboarding.customer_requested':
      return fact('onboarding.customer_created', { customer_id: 'cus' })
    case 'onboarding.payment_setup_requested':
      return fact('onboarding.payment_setup_created', { setup_intent_id: 'seti' })
    default:
      return fact('onboarding.subscription_created', {
        subscription_id: 'sub',
        subscription_status: 'active',
      })
  }
}

async function confirm(session: Driven, withAuthentication: boolean): Promise<void> {
  const card = withAuthentication ? 'pm_card_authenticationRequired' : 'pm_card_visa'
  await service.stripe.setupIntents.confirm(session.setupIntentId, {
    payment_method: card,
    return_url: returnUrl,
  })
  if (!withAuthentication) return
  await fetch(`${service.sandbox.url}/_sandbox/authenticate/${session.setupIntentId}`, {
    method: 'POST',
    body: JSON.stringify({ outcome: 'succeed' }),
  })
}

const pathOf: Record<StepName, string> = {
  create_customer: '/onboarding/step/create-customer',
  setup_payment: '/onboarding/step/setup-payment',
  select_plan: '/onboarding/step/select-plan',
  create_subscription: '/onboarding/step/create-subscription',
  complete: '/onboarding/complete',
  cancel: '/onboarding/cancel',
}

function bodyOf(session: Driven, name: StepName): object {
  const session_id = session.id
  if (name === 'setup_payment') return { session_id, return_url: returnUrl }
  if (name !== 'select_plan') return { session_id }
  return {
    session_id,
    plan_id: 'basic',
    price_id: session.yearly ? 'price_basic_yearly' : 'price_basic_monthly',
  }
}

async function step(session: Driven, name: StepName, status: number): Promise<void> {
  if (name === 'select_plan') session.yearly = !session.yearly
  const reply = await service.request('POST', pathOf[name], bodyOf(session, name))
  expect(reply.status, JSON.stringify(reply.body)).toBe(status)
  session.setupIntentId = reply.body.data?.setup_intent_id ?? session.setupIntentId
  session.subscriptionId = reply.body.data?.subscription_id ?? session.subscriptionId
}

/** A step that the statechart has no place for changes nothing: it is refused, or it was done and answers again. */
async function refusesTheRest(session: Driven, expected: Snapshot): Promise<void> {
  const allowed = allowedSteps(expected)
  const before = await factCount(session)
  for (const name of Object.keys(pathOf) as StepName[]) {
    if (allowed.includes(name)) continue
    const { status } = await service.request('POST', pathOf[name], bodyOf(session, name))
    expect([200, 409], `${name} in ${placeOf(expected)}`).toContain(status)
  }
  expect(await factCount(session)).toBe(before)
}

async function factCount(session: Driven): Promise<number> {
  const rows = await service.context.db.reader
    .selectFrom('billing_events')
    .select('position')
    .where('stream', '=', `onboarding-${session.id}`)
    .execute()
  return rows.length
}
