import { createHash } from 'node:crypto'
import Stripe from 'stripe'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { eachDatabase, type TestDatabase } from '../support/databases.ts'
import { type Reply, requestsAt, type SendRequest } from '../support/requests.ts'
import { type Service, startService } from '../support/service.ts'
import {
  applicant,
  authenticate,
  basicMonthly,
  carryOutDue,
  factsOf,
  type PlanChoice,
  requestsTo,
  returnUrl,
  settled,
  wizard,
} from '../support/wizard.ts'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const isoTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
const hourMs = 3_600_000

const pathsIn = (refused: Reply): string[] => {
  const { fields } = refused.body.error.details as { fields: { path: string }[] }
  return [...new Set(fields.map(({ path }) => path))]
}

describe.each(eachDatabase)('onboarding on $name', ({ create }) => {
  const clock = { nowMs: Date.parse('2026-11-02T09:00:00.500Z') }
  let database: TestDatabase
  let service: Service

  beforeAll(async () => {
    database = await create()
    service = await startService({
      clock,
      webhooks: true,
      environment: { DATABASE_URL: database.url, STRIPE_PUBLISHABLE_KEY: 'pk_test_of_the_tests' },
    })
  })
  afterAll(async () => {
    await service.close()
    await database.close()
  })

  /** As a client sees the service: over a socket. */
  const http: SendRequest = (...request) => requestsAt(service.url ?? '')(...request)
  const newWizard = (options: Parameters<typeof wizard>[1] = {}) =>
    wizard({ request: http, stripe: service.stripe, sandbox: service.sandbox }, options)
  const done = (data: object) => ({ success: true, data })

  test('the six steps answer what the interface promises, field by field, and each answers the same again', async () => {
    const tenant = newWizard({ request: { key: service.keys.platform } })
    const both = async (step: () => Promise<Reply>) => {
      const first = await step()
      const again = await step()
      expect(first.status).toBe(200)
      expect(again).toMatchObject({ status: 200, body: first.body })
      return first.body
    }

    const started = (await tenant.start(applicant, { key: service.keys.platform })).body
    const common = {
      session_id: expect.stringMatching(uuid),
      tenant_id: `Jeturing_${tenant.of.tenantId.slice(9)}`,
    }
    expect(tenant.of.tenantId.slice('Jeturing_'.length)).toMatch(uuid)
    expect(started).toStrictEqual(
      done({
        ...common,
        status: 'started',
        next_step: 'create_customer',
        allowed_events: ['create_customer', 'cancel'],
        session_token: expect.stringMatching(/^sls_[\w-]{43}$/),
        expires_at: '2026-11-05T09:00:00.500Z',
      }),
    )

    expect(await both(() => tenant.createCustomer())).toStrictEqual(
      done({
        ...common,
        status: 'customer_created',
        next_step: 'setup_payment',
        allowed_events: ['setup_payment', 'cancel'],
        customer_id: expect.stringMatching(/^cus_/),
      }),
    )
    expect(await service.stripe.customers.retrieve(tenant.of.customerId)).toMatchObject({
      email: applicant.email,
      name: applicant.name,
      phone: applicant.phone,
      metadata: { tenant_id: tenant.of.tenantId, company_name: applicant.company_name },
    })

    const setup = await both(() => tenant.setupPayment())
    expect(setup).toStrictEqual(
      done({
        ...common,
        status: 'payment_setup',
        next_step: 'select_plan',
        allowed_events: ['setup_payment', 'select_plan', 'cancel'],
        client_secret: expect.stringMatching(new RegExp(`^${tenant.of.setupIntentId}_secret_\\w+$`)),
        setup_intent_id: expect.stringMatching(/^seti_/),
        publishable_key: 'pk_test_of_the_tests',
      }),
    )

    // Stripe.js confirms with the publishable key and the client secret, and nothing else.
    const { hostname: host, port } = new URL(service.sandbox.url)
    const browser = new Stripe('pk_test_of_the_tests', { host, port, protocol: 'http' })
    await browser.setupIntents.confirm(tenant.of.setupIntentId, {
      client_secret: setup.data.client_secret,
      payment_method_data: {
        type: 'card',
        card: { number: '4242424242424242', exp_month: 12, exp_year: 2030, cvc: '123' },
      },
      return_url: returnUrl,
    } as never)

    expect(await both(() => tenant.selectPlan({ ...basicMonthly, discount_code: 'LAUNCH50' }))).toStrictEqual(
      done({
        ...common,
        status: 'plan_selected',
        next_step: 'create_subscription',
        allowed_events: ['setup_payment', 'select_plan', 'create_subscription', 'cancel'],
        plan_id: 'basic',
        plan_name: 'Basic',
        price_id: 'price_basic_monthly',
        amount_cents: 4900,
        currency: 'usd',
        billing_interval: 'month',
        billing_interval_count: 1,
        discount: {
          code: 'LAUNCH50',
          coupon_id: 'LAUNCH50',
          promotion_code_id: 'promo_launch50',
          percent_off_ppm: 500_000,
          amount_off_cents: null,
          duration: 'once',
          duration_in_months: null,
        },
        discount_cents: 2450,
        amount_after_discount_cents: 2450,
        due: {
          currency: 'usd',
          billing_interval: 'month',
          interval_count: 1,
          trial_days: 14,
          today_cents: 0,
          invoices: [
            { count: 1, plan_cents: 2450, platform_base_cents: 10_000, total_cents: 12_450 },
            { count: null, plan_cents: 4900, platform_base_cents: 10_000, total_cents: 14_900 },
          ],
          monthly_base_cents: 0,
          usage_rates: expect.arrayContaining([{ usage_type: 'api_call', rate_cents: 10, per_units: 1000 }]),
        },
      }),
    )

    expect(await both(() => tenant.createSubscription())).toStrictEqual(
      done({
        ...common,
        status: 'subscription_created',
        next_step: 'complete',
        allowed_events: ['complete'],
        subscription_id: expect.stringMatching(/^sub_/),
        subscription_status: 'trialing',
        trial_ends_at: '2026-11-16T09:00:00.000Z',
      }),
    )

    expect(await both(() => tenant.complete())).toStrictEqual(
      done({
        ...common,
        status: 'completed',
        next_step: null,
        allowed_events: [],
        customer_id: tenant.of.customerId,
        subscription_id: tenant.of.subscriptionId,
        message: 'Onboarding completed! Your account is ready.',
      }),
    )
    expect(await tenant.setupPayment()).toMatchObject({
      status: 200,
      body: { data: { status: 'completed' } },
    })

    await settled(service)
    const { reader } = service.context.db
    const mine = <
      T extends
        | 'billing_customers'
        | 'billing_subscriptions'
        | 'billing_invoices'
        | 'billing_payment_methods',
    >(
      table: T,
    ) =>
      reader
        .selectFrom(table as 'billing_customers')
        .selectAll()
        .where('tenant_id', '=', tenant.of.tenantId)
        .execute()
    expect(await mine('billing_customers')).toMatchObject([{ customer_id: tenant.of.customerId }])
    expect(await mine('billing_payment_methods')).toMatchObject([{ brand: 'visa', last4: '4242' }])
    expect(await mine('billing_invoices')).toMatchObject([{ status: 'paid', total_cents: 0 }])
    const [subscription] = await mine('billing_subscriptions')
    expect(subscription).toMatchObject({
      subscription_id: tenant.of.subscriptionId,
      status: 'trialing',
      plan_id: 'basic',
      amount_cents: 4900,
    })
  })

  test('a discount of one invoice is kept for the first one that is paid after the trial', async () => {
    const tenant = newWizard({ choice: { ...basicMonthly, discount_code: 'launch50' } })
    await tenant.to('createSubscription')
    await settled(service)
    const row = await service.context.db.reader
      .selectFrom('billing_subscriptions')
      .select(['status', 'discounts'])
      .where('subscription_id', '=', tenant.of.subscriptionId)
      .executeTakeFirstOrThrow()
    expect(row.status).toBe('trialing')
    expect(JSON.parse(row.discounts)).toMatchObject([
      {
        coupon_id: 'LAUNCH50',
        promotion_code_id: 'promo_launch50',
        percent_off: 50,
        duration: 'once',
        ends_at: null,
      },
    ])
    const preview = await service.stripe.invoices.createPreview({ subscription: tenant.of.subscriptionId })
    expect(preview.total).toBe(2450)
  })

  test('a step too early is refused with what is possible, and changes nothing', async () => {
    const tenant = newWizard()
    await tenant.start()
    for (const step of [
      tenant.setupPayment,
      tenant.selectPlan,
      tenant.createSubscription,
      tenant.complete,
    ] as (() => Promise<Reply>)[])
      expect(await step()).toMatchObject({
        status: 409,
        body: {
          success: false,
          error: {
            code: 'step_not_allowed',
            message: expect.any(String),
            details: {
              status: 'started',
              next_step: 'create_customer',
              allowed_events: ['create_customer', 'cancel'],
            },
            request_id: expect.any(String),
          },
        },
      })
    expect(await factsOf(service, tenant.of.sessionId)).toEqual(['started'])
  })

  test('a plan needs a confirmed card: Stripe is asked where no webhook has told', async () => {
    const silent = await startSandbox({ file: ':memory:', clock: () => clock.nowMs })
    const unheard = await startService({ clock, sandbox: silent })
    try {
      const tenant = wizard(unheard)
      await tenant.to('setupPayment')
      const refused = await tenant.selectPlan()
      expect(refused).toMatchObject({
        status: 409,
        body: {
          error: {
            code: 'payment_method_required',
            details: {
              setup_intent_id: tenant.of.setupIntentId,
              setup_intent_status: 'requires_payment_method',
            },
          },
        },
      })
      await tenant.confirmCard()
      expect(await tenant.selectPlan()).toMatchObject({ status: 200 })
      expect((await tenant.show()).body.data.payment).toMatchObject({ is_confirmed: true })
    } finally {
      await unheard.close()
      await silent.close()
    }
  })

  test('the plan can be changed until the subscription exists, then no more', async () => {
    const tenant = newWizard()
    await tenant.to('selectPlan')
    const other = { plan_id: 'enterprise', price_id: 'price_enterprise_yearly' }
    expect((await tenant.selectPlan(other)).body.data).toMatchObject({
      ...other,
      amount_cents: 299_000,
      billing_interval: 'year',
      discount: null,
    })
    await tenant.createSubscription()
    expect(await tenant.selectPlan(other)).toMatchObject({ status: 200 })
    expect(await tenant.selectPlan()).toMatchObject({
      status: 409,
      body: { error: { code: 'step_not_allowed', details: { status: 'subscription_created' } } },
    })
    const { items } = await service.stripe.subscriptions.retrieve(tenant.of.subscriptionId)
    expect(items.data.map(({ price }) => price.id)).toEqual(['price_enterprise_yearly'])
  })

  test('a price that is not of the plan, unknown, inactive or paid once, and a code that nobody knows are refused', async () => {
    const inactive = await service.stripe.prices.create({
      product: 'prod_basic',
      currency: 'usd',
      unit_amount: 100,
      recurring: { interval: 'month' },
      active: false,
    } as never)
    const once = await service.stripe.prices.create({
      product: 'prod_basic',
      currency: 'usd',
      unit_amount: 100,
    })
    const tenant = newWizard()
    await tenant.to('confirmCard')
    await settled(service)
    const before = await factsOf(service, tenant.of.sessionId)
    for (const [choice, path] of [
      [{ plan_id: 'enterprise', price_id: 'price_basic_monthly' }, 'price_id'],
      [{ plan_id: 'basic', price_id: 'price_of_nobody' }, 'price_id'],
      [{ plan_id: 'basic', price_id: inactive.id }, 'price_id'],
      [{ plan_id: 'basic', price_id: once.id }, 'price_id'],
      [{ ...basicMonthly, discount_code: 'NOBODY' }, 'discount_code'],
      [{ ...basicMonthly, discount_code: '' }, 'discount_code'],
      [{ ...basicMonthly, coupon: 'LAUNCH50' } as PlanChoice, 'coupon'],
    ] as const) {
      const refused = await tenant.selectPlan(choice)
      expect(refused).toMatchObject({ status: 422, body: { error: { code: 'invalid_request' } } })
      expect(pathsIn(refused)).toEqual([path])
    }
    expect(await factsOf(service, tenant.of.sessionId)).toEqual(before)
  })

  test.each([
    'javascript:alert(1)',
    'https://evil.example/onboarding/complete',
    'http://localhost:8080@evil.example/',
    'http://user:secret@localhost:8080/done',
    'http://localhost:8080\\@evil.example/',
    'http:\\\\localhost:8080/done',
    '//localhost:8080/done',
    '/onboarding/complete',
    'http://localhost:8081/done',
    'https://localhost:8080/done',
    'http://localhost.evil.example:8080/',
    'data:text/html,x',
    'ftp://localhost:8080/',
    '',
  ])('a return_url such as %j is refused', async (bad) => {
    const tenant = newWizard()
    await tenant.to('createCustomer')
    const refused = await tenant.setupPayment(bad)
    expect(refused).toMatchObject({
      status: 422,
      body: { error: { details: { fields: [{ path: 'return_url' }] } } },
    })
    expect(await factsOf(service, tenant.of.sessionId)).toEqual([
      'started',
      'customer_requested',
      'customer_created',
    ])
  })

  test('what is no applicant is refused, by field', async () => {
    for (const [change, path] of [
      [{ email: 'no address' }, 'email'],
      [{ name: '' }, 'name'],
      [{ company_name: undefined }, 'company_name'],
      [{ phone: 'call me' }, 'phone'],
      [{ tenant_id: 'Jeturing_mine' }, 'tenant_id'],
    ] as const) {
      const refused = await http('POST', '/onboarding/start', { ...applicant, ...change })
      expect(refused.status).toBe(422)
      expect(pathsIn(refused)).toEqual([path])
    }
  })

  test('start is repeatable under its Idempotency-Key: one session, one tenant, one token', async () => {
    const options = { headers: { 'Idempotency-Key': 'start-of-ada' } }
    const [first, second] = await Promise.all([
      http('POST', '/onboarding/start', applicant, options),
      http('POST', '/onboarding/start', applicant, options),
    ])
    expect(first.status).toBe(200)
    expect(second.body.data).toEqual(first.body.data)
    expect(await http('POST', '/onboarding/start', { ...applicant, name: 'B' }, options)).toMatchObject({
      status: 409,
      body: { error: { code: 'idempotency_mismatch' } },
    })
  })

  test('cancel ends a session at any step before the subscription, and answers again', async () => {
    for (const last of ['start', 'createCustomer', 'setupPayment', 'selectPlan'] as const) {
      const tenant = newWizard()
      await tenant.to(last)
      const cancelled = await tenant.cancel()
      expect(cancelled).toMatchObject({
        status: 200,
        body: done({ status: 'cancelled', next_step: null, allowed_events: [] }),
      })
      expect((await tenant.cancel()).body).toEqual(cancelled.body)
      for (const step of [
        tenant.createCustomer,
        tenant.createSubscription,
        tenant.complete,
      ] as (() => Promise<Reply>)[])
        if (step !== tenant.createCustomer || last === 'start')
          expect(await step()).toMatchObject({ status: 409, body: { error: { code: 'step_not_allowed' } } })
    }
    const tenant = newWizard()
    await tenant.to('createSubscription')
    expect(await tenant.cancel()).toMatchObject({ status: 409 })
  })

  test('a session expires when its time is over, frees what it has held, and a subscribed one is complete', async () => {
    const coupon = await service.stripe.coupons.create({
      percent_off: 10,
      duration: 'once',
      max_redemptions: 1,
    })
    const holder = newWizard({ choice: { ...basicMonthly, discount_code: coupon.id } })
    await holder.to('selectPlan')
    const subscribed = newWizard()
    await subscribed.to('createSubscription')
    const started = clock.nowMs
    try {
      clock.nowMs = started + 72 * hourMs - 1
      await carryOutDue(service)
      expect((await holder.show()).body.data.status).toBe('plan_selected')
      clock.nowMs = started + 72 * hourMs
      await carryOutDue(service)
      expect((await holder.show()).body.data).toMatchObject({
        status: 'expired',
        next_step: null,
        allowed_events: [],
      })
      expect(await holder.createSubscription()).toMatchObject({ status: 409 })
      expect((await subscribed.show()).body.data.status).toBe('completed')
      expect((await subscribed.complete()).status).toBe(200)
      const next = newWizard({ choice: { ...basicMonthly, discount_code: coupon.id } })
      await next.to('createSubscription')
    } finally {
      clock.nowMs = started + 72 * hourMs
    }
  })

  test('the position is enough to go on from on another device, with the token alone', async () => {
    const tenant = newWizard()
    await tenant.to('selectPlan')
    await settled(service)
    const otherDevice = { key: tenant.of.token }
    const { status, body } = await tenant.show(otherDevice)
    expect(status).toBe(200)
    expect(body).toStrictEqual(
      done({
        session_id: tenant.of.sessionId,
        tenant_id: tenant.of.tenantId,
        status: 'plan_selected',
        next_step: 'create_subscription',
        allowed_events: ['setup_payment', 'select_plan', 'create_subscription', 'cancel'],
        position: expect.any(Number),
        updated_at: expect.stringMatching(isoTime),
        expires_at: expect.stringMatching(isoTime),
        steps_done: ['started', 'customer_created', 'payment_setup', 'plan_selected'],
        is_waiting_for_stripe: false,
        customer_id: tenant.of.customerId,
        payment: {
          setup_intent_id: tenant.of.setupIntentId,
          return_url: returnUrl,
          is_confirmed: true,
          payment_method_id: expect.stringMatching(/^pm_/),
          decline: null,
        },
        plan: expect.objectContaining({ ...basicMonthly, amount_cents: 4900 }),
        subscription: null,
        success_url: null,
        applicant,
        publishable_key: 'pk_test_of_the_tests',
      }),
    )
    expect(await tenant.createSubscription(otherDevice)).toMatchObject({ status: 200 })
    expect(await tenant.complete(otherDevice)).toMatchObject({ status: 200 })
  })

  test("another tenant's session, or another session's token, finds nothing and changes nothing", async () => {
    const mine = newWizard()
    const theirs = newWizard()
    await mine.to('createCustomer')
    await theirs.to('createCustomer')
    const before = await factsOf(service, theirs.of.sessionId)
    for (const key of [mine.of.token, await service.tenantKey(mine.of.tenantId)]) {
      for (const [method, path, body] of [
        ['GET', `/onboarding/${theirs.of.sessionId}`, undefined],
        ['GET', `/onboarding/${theirs.of.sessionId}/stream`, undefined],
        ['POST', '/onboarding/step/setup-payment', { return_url: returnUrl }],
        ['POST', '/onboarding/step/create-subscription', {}],
        ['POST', '/onboarding/complete', {}],
        ['POST', '/onboarding/cancel', {}],
      ] as const)
        expect(
          await http(method, path, body && { session_id: theirs.of.sessionId, ...body }, { key }),
          `${method} ${path}`,
        ).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } })
      expect(await http('GET', `/onboarding/${mine.of.sessionId}`, undefined, { key })).toMatchObject({
        status: 200,
      })
    }
    expect(await factsOf(service, theirs.of.sessionId)).toEqual(before)
    expect(await http('GET', '/onboarding/nobody')).toMatchObject({ status: 404 })
  })

  test('a session token is good for its onboarding alone, and is stored as a hash', async () => {
    const tenant = newWizard()
    await tenant.to('createCustomer')
    const key = tenant.of.token
    for (const [method, path, body] of [
      ['POST', '/onboarding/start', applicant],
      ['POST', '/billing/usage', { tenant_id: tenant.of.tenantId, usage_type: 'case', quantity: 1 }],
      ['GET', `/billing/usage/tenant/${tenant.of.tenantId}/summary`, undefined],
    ] as const)
      expect(await http(method, path, body, { key })).toMatchObject({
        status: 403,
        body: { error: { code: 'forbidden' } },
      })
    const row = await service.context.db.reader
      .selectFrom('api_keys')
      .selectAll()
      .where('session_id', '=', tenant.of.sessionId)
      .executeTakeFirstOrThrow()
    expect(row.hash).toBe(createHash('sha256').update(key).digest('hex'))
    expect(JSON.stringify(row)).not.toContain(key)
  })

  test('a bank that wants the customer: 200 with the secret, complete waits, and goes on when they were there', async () => {
    const immediate = await startService({
      clock,
      sandbox: service.sandbox,
      environment: { BILLING_TRIAL_PERIOD_DAYS: '0' },
    })
    try {
      const tenant = wizard(immediate, { card: 'pm_card_authenticationRequired' })
      await tenant.to('confirmCard')
      expect(await tenant.selectPlan()).toMatchObject({
        status: 409,
        body: { error: { details: { setup_intent_status: 'requires_action' } } },
      })
      await authenticate(service, tenant.of.setupIntentId)
      expect(await tenant.selectPlan()).toMatchObject({ status: 200 })
      const waiting = await tenant.createSubscription()
      expect(waiting).toMatchObject({
        status: 200,
        body: done({
          status: 'subscription_created',
          next_step: 'complete',
          subscription_status: 'incomplete',
          trial_ends_at: null,
          requires_action: true,
          client_secret: expect.stringMatching(/_secret_/),
        }),
      })
      expect((await tenant.createSubscription()).body).toEqual(waiting.body)
      expect(await tenant.complete()).toMatchObject({
        status: 409,
        body: { error: { code: 'step_not_allowed' } },
      })
      await authenticate(service, tenant.of.subscriptionId)
      expect(await tenant.complete()).toMatchObject({ status: 200, body: done({ status: 'completed' }) })
      expect(await requestsTo(service, 'POST', '/v1/subscriptions')).not.toHaveLength(0)
    } finally {
      await immediate.close()
    }
  })
})
