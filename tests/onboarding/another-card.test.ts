import { expect, type TestContext, test } from 'vitest'
import { ingest } from '../../src/inbox/ingest.ts'
import { startService } from '../support/service.ts'
import { basicMonthly, factsOf, settled, type Wizard, wizard } from '../support/wizard.ts'

/** A card that is removed at Stripe, or used up, is replaced by another one; what was chosen stays chosen. */

async function start({ onTestFinished }: TestContext, webhooks: boolean) {
  const service = await startService({ webhooks, environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
  onTestFinished(() => service.close())
  const tenant = wizard(service)
  const removeCard = async () => {
    const { payment_method: id } = await service.stripe.setupIntents.retrieve(tenant.of.setupIntentId)
    await service.stripe.paymentMethods.detach(String(id))
    if (webhooks) await settled(service)
  }
  return { service, tenant, removeCard }
}

/** Step 3 again gives a SetupIntent that can be used, and with its card the session is subscribed to what it had chosen. */
async function goesOnWithAnotherCard(tenant: Wizard, used: string): Promise<void> {
  expect(await tenant.setupPayment()).toMatchObject({ status: 200 })
  expect(tenant.of.setupIntentId).not.toBe(used)
  const fresh = tenant.of.setupIntentId
  expect(await tenant.setupPayment()).toMatchObject({ body: { data: { setup_intent_id: fresh } } })
  await tenant.confirmCard('pm_card_mastercard')
  expect(await tenant.createSubscription()).toMatchObject({
    status: 200,
    body: { data: { subscription_status: 'active' } },
  })
  expect((await tenant.show()).body.data).toMatchObject({
    plan: basicMonthly,
    payment: { is_confirmed: true },
  })
}

const cardRequired = {
  status: 409,
  body: {
    error: {
      code: 'payment_method_required',
      message: expect.stringContaining('set up another one'),
      details: { status: 'plan_selected', next_step: 'setup_payment', allowed_events: expect.any(Array) },
    },
  },
}

test('a card that is removed before step 5 leads to another one: no webhook has told of it', async (context) => {
  const { service, tenant, removeCard } = await start(context, false)
  await tenant.to('selectPlan')
  const used = tenant.of.setupIntentId
  await removeCard()
  for (let again = 0; again < 2; again += 1)
    expect(await tenant.createSubscription()).toMatchObject(cardRequired)
  expect((await tenant.show()).body.data).toMatchObject({
    next_step: 'setup_payment',
    plan: basicMonthly,
    payment: { setup_intent_id: null, is_confirmed: false, payment_method_id: null },
  })
  await goesOnWithAnotherCard(tenant, used)
  expect(await factsOf(service, tenant.of.sessionId)).toContain('payment_method_unusable')
})

test('a card that is removed before step 5 leads to another one: a webhook has told of it', async (context) => {
  const { tenant, removeCard } = await start(context, true)
  await tenant.to('selectPlan')
  const used = tenant.of.setupIntentId
  await removeCard()
  expect((await tenant.show()).body.data).toMatchObject({ next_step: 'setup_payment', plan: basicMonthly })
  expect(await tenant.createSubscription()).toMatchObject(cardRequired)
  await goesOnWithAnotherCard(tenant, used)
})

test.for([false, true])(
  'step 3 gives no SetupIntent whose card is gone, told of it by a webhook: %s',
  async (webhooks, context) => {
    const { tenant, removeCard } = await start(context, webhooks)
    await tenant.to('selectPlan')
    const used = tenant.of.setupIntentId
    await removeCard()
    await goesOnWithAnotherCard(tenant, used)
  },
)

test('a card that is removed before a plan is chosen is asked for again', async (context) => {
  const { tenant, removeCard } = await start(context, false)
  await tenant.to('confirmCard')
  const used = tenant.of.setupIntentId
  await removeCard()
  expect(await tenant.selectPlan()).toMatchObject({
    status: 409,
    body: { error: { code: 'payment_method_required', details: { next_step: 'setup_payment' } } },
  })
  await tenant.setupPayment()
  expect(tenant.of.setupIntentId).not.toBe(used)
  await tenant.confirmCard()
  expect(await tenant.selectPlan()).toMatchObject({ status: 200 })
})

test('news of a card in any order leaves the session in one state', async (context) => {
  const places: unknown[] = []
  for (const isReversed of [false, true]) {
    const { service, tenant, removeCard } = await start(context, false)
    await tenant.to('confirmCard')
    await removeCard()
    const { data } = await service.stripe.events.list({
      types: ['setup_intent.succeeded', 'payment_method.detached'],
    })
    expect(data).toHaveLength(2)
    for (const event of isReversed ? data : [...data].reverse()) await ingest(service.context, event)
    const { payment, next_step } = (await tenant.show()).body.data
    places.push({ payment, next_step })
  }
  expect(places[0]).toMatchObject({ next_step: 'setup_payment', payment: { is_confirmed: false } })
  expect(places[1]).toEqual(places[0])
})
