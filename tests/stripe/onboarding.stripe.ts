import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/db/database.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createApp } from '../../src/http/app.ts'
import { scheduleSweep } from '../../src/inbox/sweep.ts'
import { createLog } from '../../src/logging/log-output.ts'
import { createContext } from '../../src/main.ts'
import { stripeClient } from '../../src/stripe/client.ts'
import { testKeys } from '../support/databases.ts'
import { adminKey } from '../support/requests.ts'
import type { Service } from '../support/service.ts'
import { carryOutDue, refreshed, wizard } from '../support/wizard.ts'

/**
 * The whole way against Stripe itself, in the account of STRIPE_SECRET_KEY (a test key): what the sandbox cannot prove. Its
 * webhooks do not reach this machine; the Events API brings the same events. What it makes, it takes away.
 */
const secretKey = process.env.STRIPE_SECRET_KEY ?? ''
const stripe = stripeClient(secretKey, process.env.STRIPE_API_BASE)
const run = `stepledger-${randomUUID().slice(0, 8)}`
const discountCode = `HALF-${run}`.toUpperCase()
const made = { productId: '', priceId: '', couponId: '', promotionCodeId: '', customers: new Set<string>() }
let directory: string
let immediate: Service
let withTrial: Service

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stepledger-stripe-'))
  const product = await stripe.products.create({ name: run, metadata: { plan_id: run } })
  made.productId = product.id
  const price = await stripe.prices.create({
    product: product.id,
    currency: 'usd',
    unit_amount: 4900,
    recurring: { interval: 'month' },
  })
  made.priceId = price.id
  const coupon = await stripe.coupons.create({ percent_off: 50, duration: 'once', name: run })
  made.couponId = coupon.id
  const promotionCode = await stripe.promotionCodes.create({
    promotion: { type: 'coupon', coupon: coupon.id },
    code: discountCode,
  })
  made.promotionCodeId = promotionCode.id
  immediate = await start('immediate', { BILLING_TRIAL_PERIOD_DAYS: '0' })
  withTrial = await start('trial', {})
})

afterAll(async () => {
  // A customer takes its subscriptions, open invoices and cards away with it. Prices and their products cannot be deleted.
  for (const id of made.customers) await stripe.customers.del(id)
  if (made.promotionCodeId) await stripe.promotionCodes.update(made.promotionCodeId, { active: false })
  if (made.couponId) await stripe.coupons.del(made.couponId)
  if (made.priceId) await stripe.prices.update(made.priceId, { active: false })
  if (made.productId) await stripe.products.update(made.productId, { active: false })
  for (const service of [immediate, withTrial]) await service?.close()
  await rm(directory, { recursive: true, force: true })
})

async function start(name: string, environment: Record<string, string>): Promise<Service> {
  const config = readConfig({
    ADMIN_API_KEY: adminKey,
    DATABASE_URL: `file:${join(directory, `${name}.db`)}`,
    STRIPE_SECRET_KEY: secretKey,
    STRIPE_API_BASE: process.env.STRIPE_API_BASE,
    ...environment,
  })
  const db = openDatabase(config.databaseUrl, testKeys())
  await migrate(db)
  const context = createContext({ config, db, log: createLog({ level: 'warn' }) })
  await scheduleSweep(context)
  const app = createApp(context)
  return {
    context,
    app,
    stripe,
    async request(method: string, path: string, body?: unknown) {
      const headers = { 'X-API-Key': adminKey }
      const sent = body === undefined ? {} : { body: JSON.stringify(body) }
      const response = await app.request(`/api/v1${path}`, { method, headers, ...sent })
      return { status: response.status, headers: response.headers, body: await response.json() }
    },
    async close() {
      await context.effects.stop()
      await db.close()
    },
  } as Service
}

const choice = () => ({ plan_id: run, price_id: made.priceId, discount_code: discountCode })

/** Takes in what has happened, as webhooks would. Events are visible a little after their time. */
async function untilSwept(service: Service, isThere: () => Promise<boolean>): Promise<void> {
  await expect
    .poll(
      async () => {
        await scheduleSweep(service.context)
        await carryOutDue(service)
        await refreshed(service)
        return isThere()
      },
      { timeout: 60_000, interval: 2_000 },
    )
    .toBe(true)
}

const invoicesOf = (service: Service, tenantId: string) =>
  service.context.db.reader
    .selectFrom('billing_invoices')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .execute()

test('the six steps with a trial and a discount, each sent twice', async () => {
  const tenant = wizard(withTrial, { choice: choice() })
  await tenant.start()
  await tenant.createCustomer()
  made.customers.add(tenant.of.customerId)
  for (const step of [tenant.createCustomer, tenant.setupPayment] as (() => Promise<{ status: number }>)[])
    for (let times = 0; times < 2; times += 1) expect((await step()).status).toBe(200)
  expect(await tenant.selectPlan()).toMatchObject({
    status: 409,
    body: { error: { code: 'payment_method_required' } },
  })
  await tenant.confirmCard()
  expect((await tenant.selectPlan()).body.data).toMatchObject({
    amount_cents: 4900,
    discount_cents: 2450,
    amount_after_discount_cents: 2450,
  })
  for (const step of [tenant.createSubscription, tenant.complete] as (() => Promise<{ status: number }>)[])
    for (let times = 0; times < 2; times += 1) expect((await step()).status).toBe(200)
  const { data: subscriptions } = await stripe.subscriptions.list({
    customer: tenant.of.customerId,
    status: 'all',
  })
  expect(subscriptions.map(({ status }) => status)).toEqual(['trialing'])
  const preview = await stripe.invoices.createPreview({ subscription: tenant.of.subscriptionId })
  expect(preview.total).toBe(2450)
  await untilSwept(withTrial, async () =>
    (await invoicesOf(withTrial, tenant.of.tenantId)).some(({ status }) => status === 'paid'),
  )
})

test('without a trial the first invoice is paid, with the discount', async () => {
  const tenant = wizard(immediate, { choice: choice() })
  await tenant.to('createCustomer')
  made.customers.add(tenant.of.customerId)
  await tenant.setupPayment()
  await tenant.confirmCard()
  await tenant.selectPlan()
  expect((await tenant.createSubscription()).body.data).toMatchObject({ subscription_status: 'active' })
  expect((await tenant.complete()).body.data).toMatchObject({ status: 'completed' })
  await untilSwept(immediate, async () =>
    (await invoicesOf(immediate, tenant.of.tenantId)).some((invoice) => invoice.amount_paid_cents === 12_450),
  )
})

test('a card that the first payment declines leaves no subscription; the next card does it', async () => {
  const tenant = wizard(immediate, { choice: { plan_id: run, price_id: made.priceId } })
  await tenant.to('createCustomer')
  made.customers.add(tenant.of.customerId)
  await tenant.setupPayment()
  await tenant.confirmCard('pm_card_chargeCustomerFail')
  await tenant.selectPlan()
  expect(await tenant.createSubscription()).toMatchObject({
    status: 402,
    body: { error: { code: 'card_declined' } },
  })
  const live = await stripe.subscriptions.list({ customer: tenant.of.customerId })
  expect(live.data).toEqual([])
  await tenant.setupPayment()
  await tenant.confirmCard('pm_card_mastercard')
  expect((await tenant.createSubscription()).body.data).toMatchObject({ subscription_status: 'active' })
})

test('a card that waits for the bank is no payment method yet', async () => {
  const tenant = wizard(immediate, { choice: { plan_id: run, price_id: made.priceId } })
  await tenant.to('createCustomer')
  made.customers.add(tenant.of.customerId)
  await tenant.setupPayment()
  const intent = await tenant.confirmCard('pm_card_authenticationRequiredOnSetup')
  expect(intent.status).toBe('requires_action')
  expect(await tenant.selectPlan()).toMatchObject({
    status: 409,
    body: { error: { code: 'payment_method_required', details: { setup_intent_status: 'requires_action' } } },
  })
  expect(await tenant.cancel()).toMatchObject({ status: 200 })
})
