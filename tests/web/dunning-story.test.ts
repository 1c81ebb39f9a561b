import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { readFacts } from '../../src/log/read.ts'
import { barriersOn, complaintsOf, launchBrowser } from '../support/browser.ts'
import { logInTo } from '../support/console-page.ts'
import { adminKey } from '../support/requests.ts'
import { type Service, startService } from '../support/service.ts'
import { carryOutDue, returnUrl, settled, type Wizard, wizard } from '../support/wizard.ts'

let browser: Browser
let service: Service
let tenant: Wizard
let page: Page
let complaints: string[]
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser?.close())
beforeEach(async () => {
  const settings = { BILLING_TRIAL_PERIOD_DAYS: '0', BILLING_SUSPEND_ON_LOST_DISPUTE: 'true' }
  service = await startService({ webhooks: true, environment: settings })
  tenant = wizard(service)
  const context = await browser.newContext({ locale: 'en-US' })
  context.setDefaultTimeout(10_000)
  page = await context.newPage()
  complaints = complaintsOf(page)
})
afterEach(async () => {
  await page?.context().close()
  await service?.close()
})

const seconds = () => Math.ceil(service.sandbox.clock.nowMs() / 1000)
const ask = async (method: string, path: string, body?: object) => {
  const reply = await service.request(method, path, body)
  expect(reply.status, path).toBe(200)
  return reply.body.data
}
const accessOf = () => ask('GET', `/billing/access/tenant/${tenant.of.tenantId}`)

/** The renewal's card is declined. */
async function failsAtRenewal() {
  await tenant.to('createSubscription')
  const { customerId: customer, subscriptionId } = tenant.of
  const { id } = await service.stripe.paymentMethods.attach('pm_card_chargeCustomerFail', { customer })
  await service.stripe.subscriptions.update(subscriptionId, { default_payment_method: id })
  await service.sandbox.clock.advanceTo(seconds() + 31.2 * 86_400)
}

async function changes() {
  const filter = { tenantId: tenant.of.tenantId, type: 'access.changed' }
  return (await Array.fromAsync(readFacts(service.context.db.reader, filter))).map(
    ({ data, occurred_at }) => ({
      ...(data as { access: string; until: string | null; reason: string }),
      occurred_at,
    }),
  )
}

/** What the tenant's page says of its access. */
async function told(): Promise<string> {
  const access = page.getByRole('region', { name: 'Access' })
  await access.getByRole('button', { name: /Why reason/ }).waitFor()
  return String(await access.textContent()).replaceAll(/Why (\w+: )?/g, '')
}
const clock = (iso: string) => iso.slice(0, 19).replace('T', ' ')

test('a card fails, the customer is told, gives another one through the service, and has all again', async () => {
  await failsAtRenewal()
  const grace = await accessOf()
  await logInTo(page, `${service.url}`, adminKey, `#/tenants/${tenant.of.tenantId}`)
  expect(await told()).toContain(`grace until ${clock(grace.until)}reasonpayment failed`)

  // What a mail needs: till when, how much, why, and where it can be paid.
  expect((await changes()).at(-1)).toMatchObject({
    access: 'grace',
    until: grace.until,
    reason: 'payment_failed',
  })
  const [invoice] = (await ask('GET', `/billing/invoices/tenant/${tenant.of.tenantId}`)).items
  expect(invoice).toMatchObject({
    status: 'open',
    outstanding_cents: 14_900,
    hosted_invoice_url: expect.any(String),
  })
  const [delinquent] = (await ask('GET', '/admin/tenants/delinquent')).items
  expect(delinquent).toMatchObject({
    last_decline_code: 'generic_decline',
    next_attempt_at: expect.any(String),
  })

  const wayBack = { tenant_id: tenant.of.tenantId, return_url: returnUrl }
  const { setup_intent_id } = await ask('POST', '/billing/payment-methods/setup', wayBack)
  const card = { payment_method: 'pm_card_mastercard', return_url: returnUrl }
  await service.stripe.setupIntents.confirm(setup_intent_id, card)
  await settled(service)
  await carryOutDue(service)
  await settled(service)
  expect(await accessOf()).toMatchObject({ access: 'full', reason: 'subscription_active', until: null })
  expect((await changes()).map(({ access }) => access)).toEqual(['full', 'grace', 'full'])
  await page.reload()
  expect(await told()).toMatch(/^Accessaccessfull since .*reasonsubscription active$/)
  await page.getByRole('link', { name: 'Delinquent' }).click()
  await page.getByText('Everybody has paid what could be collected.').waitFor()
  expect(await barriersOn(page)).toEqual([])
  expect(complaints).toEqual([])
})

test('nobody acts: suspended at the very end of the grace period, and not before', async () => {
  await failsAtRenewal()
  const { until } = await accessOf()
  const end = Date.parse(until) / 1000
  const [first] = await changes().then((all) => all.filter(({ access }) => access === 'grace'))
  expect(until).toBe(new Date(Date.parse(first?.occurred_at ?? '') + 14 * 86_400_000).toISOString())
  await service.sandbox.clock.advanceTo(end - 1)
  expect(await accessOf()).toMatchObject({ access: 'grace', until })
  await service.sandbox.clock.advanceTo(end + 1)
  expect(await accessOf()).toMatchObject({ access: 'suspended', reason: 'grace_over', since: until })
  expect((await changes()).at(-1)).toMatchObject({ access: 'suspended', occurred_at: until })
  await logInTo(page, `${service.url}`, adminKey, '#/delinquent')
  const row = page.getByRole('row').nth(1)
  await row.waitFor()
  expect(await row.textContent()).toMatch(`14 daysgeneric decline`)
  expect(await row.textContent()).toContain(`suspended since ${clock(until)}`)
  expect(await barriersOn(page)).toEqual([])
  await row.getByRole('link', { name: tenant.of.tenantId }).click()
  expect(await told()).toContain(`suspended since ${clock(until)}reasongrace over`)
  expect(complaints).toEqual([])
})

test('who was shut out because of a lost dispute is let in again by an operator', async () => {
  tenant = wizard(service, { card: 'pm_card_createDispute' })
  await tenant.to('createSubscription')
  const [dispute] = (await service.stripe.disputes.list()).data
  await service.stripe.disputes.close(dispute?.id ?? '')
  await settled(service)
  await logInTo(page, `${service.url}`, adminKey, `#/tenants/${tenant.of.tenantId}`)
  expect(await told()).toMatch(/suspended since .*reasondispute lost/)
  const invoices = page.getByRole('region', { name: 'Invoices' }).getByRole('table')
  await invoices.getByRole('button', { name: 'lost', exact: false }).first().click()
  await page.getByRole('dialog').getByText('invoice_payment', { exact: false }).first().waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
  await page.getByRole('button', { name: /^Lift the dispute of / }).click()
  expect(await barriersOn(page)).toEqual([])
  await page.getByRole('dialog').getByRole('button', { name: 'Let in again' }).click()
  await page.getByRole('region', { name: 'Access' }).getByText('suspends nobody any more').waitFor()
  expect(await accessOf()).toMatchObject({ access: 'full' })
  await page.reload()
  expect(await told()).toMatch(/^Accessaccessfull since/)
  expect(complaints).toEqual([])
})
