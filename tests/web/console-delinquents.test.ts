import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { barriersOn, complaintsOf, launchBrowser, sidewaysOverflow } from '../support/browser.ts'
import { logInTo } from '../support/console-page.ts'
import { adminKey } from '../support/requests.ts'
import { type Service, startService } from '../support/service.ts'
import { wizard } from '../support/wizard.ts'

let browser: Browser
let service: Service
beforeAll(async () => {
  const environment = { BILLING_TRIAL_PERIOD_DAYS: '0' }
  ;[browser, service] = await Promise.all([launchBrowser(), startService({ webhooks: true, environment })])
})
afterAll(async () => {
  await browser?.close()
  await service?.close()
})

const passes = (days: number) => {
  const { clock } = service.sandbox
  return clock.advanceTo(Math.ceil(clock.nowMs() / 1000) + days * 86_400)
}

test('an operator sees who does not pay, why and till when, and collects when there is a good card', async () => {
  const { of, to } = wizard(service)
  await to('createSubscription')
  const payWith = async (card: string) => {
    const { id } = await service.stripe.paymentMethods.attach(card, { customer: of.customerId })
    await service.stripe.subscriptions.update(of.subscriptionId, { default_payment_method: id })
  }
  await payWith('pm_card_chargeCustomerFail')
  await passes(34)

  const context = await browser.newContext({ locale: 'en-US' })
  const page = await context.newPage()
  const complaints = complaintsOf(page)
  await logInTo(page, `${service.url}`, adminKey)
  await page.getByRole('link', { name: 'Delinquent' }).click()
  await page.getByRole('heading', { level: 1, name: 'Delinquent tenants' }).waitFor()
  const row = page.getByRole('row').nth(1)
  expect(await row.textContent()).toMatch(
    /\$149\.00\d daysgeneric decline\d{4}-.*grace until \d{4}-.*Collect \$149\.00/,
  )
  expect(await barriersOn(page)).toEqual([])

  const collect = page.getByRole('button', { name: /^Collect \$149\.00 of \S+ now$/ })
  await collect.click()
  await row.getByRole('alert').getByText('Your card was declined').waitFor()
  await page.setViewportSize({ width: 360, height: 740 })
  expect(await sidewaysOverflow(page)).toBe(0)
  await page.setViewportSize({ width: 1280, height: 740 })

  await page.getByRole('link', { name: of.tenantId }).click()
  const access = page.getByRole('region', { name: 'Access' })
  const told = (await access.textContent())?.replaceAll('Why ', '')
  expect(told).toMatch(/grace until \d{4}-.*reasonreason: payment failed/)
  expect(told).toMatch(/\(\d days\)last declined asgeneric declinenext attempt\d{4}-/)
  expect(await barriersOn(page)).toEqual([])
  await access.getByRole('button', { name: /Why reason/ }).click()
  await page.getByRole('dialog').getByText('access.changed').first().waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()

  await payWith('pm_card_visa')
  await service.sandbox.deliverDue()
  await access.getByRole('button', { name: /^Collect \$149\.00/ }).click()
  await access.getByText(/ is paid$/).waitFor()
  // That its subscription is active again Stripe tells by a webhook, and once more where that is of the same second.
  await service.sandbox.deliverDue()
  const standing = () => service.request('GET', `/billing/access/tenant/${of.tenantId}`)
  await expect.poll(async () => (await standing()).body.data.access, { timeout: 10_000 }).toBe('full')
  await page.getByRole('link', { name: 'Delinquent' }).click()
  await page.getByText('Everybody has paid what could be collected.').waitFor()
  expect(complaints).toEqual([])
  await context.close()
})
