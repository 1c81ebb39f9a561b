import type { Browser } from 'playwright-core'
import Stripe from 'stripe'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { barriersOn, complaintsOf, launchBrowser, serveForBrowser } from '../support/browser.ts'
import { logInTo } from '../support/console-page.ts'
import { adminKey, requestsAt, type SendRequest } from '../support/requests.ts'
import type { Service } from '../support/service.ts'
import { returnUrl, wizard } from '../support/wizard.ts'

let browser: Browser
let service: Awaited<ReturnType<typeof serveForBrowser>>
let request: SendRequest
beforeAll(async () => {
  ;[browser, service] = await Promise.all([
    launchBrowser(),
    serveForBrowser({ ADMIN_API_KEY: adminKey, RETURN_URL_ORIGINS: new URL(returnUrl).origin }),
  ])
  request = requestsAt(service.url)
})
afterAll(async () => {
  await browser?.close()
  await service?.stop()
})

/** What the wizard needs of a service. */
function parts(): Pick<Service, 'request' | 'stripe' | 'sandbox'> {
  const { hostname: host, port } = new URL(service.sandboxUrl)
  const stripe = new Stripe('sk_test_of_the_tests', { host, port, protocol: 'http', telemetry: false })
  return { request, stripe, sandbox: { url: service.sandboxUrl } as Service['sandbox'] }
}

const playedNow = async () => Date.parse((await request('GET', '/admin/sandbox/clock')).body.data.now)

test('an operator moves played time from the console, and sees what has happened on the way', async () => {
  const left = wizard(parts())
  await left.to('start')
  const paying = wizard(parts())
  await paying.to('createSubscription')
  await paying.complete()
  const { body } = await request('GET', `/billing/subscriptions/tenant/${paying.of.tenantId}`)
  const trialEndsAt = Date.parse(body.data.trial_ends_at)

  const context = await browser.newContext({ locale: 'en-US' })
  context.setDefaultTimeout(30_000)
  const page = await context.newPage()
  const complaints = complaintsOf(page)
  await logInTo(page, service.url, adminKey, `#/sessions/${left.of.sessionId}`)
  await page.getByText('Time is played').waitFor()
  await page.getByText('started', { exact: false }).first().waitFor()
  expect(await barriersOn(page)).toEqual([])

  const before = await playedNow()
  await page.getByRole('button', { name: 'Advance a day' }).click()
  await page.getByRole('progressbar').waitFor({ state: 'hidden' })
  await expect.poll(playedNow).toBeGreaterThanOrEqual(before + 86_400_000 - 1000)

  await page.goto(`${service.url}/console#/tenants/${paying.of.tenantId}`)
  await page.getByRole('button', { name: 'To the next invoice' }).click()
  await expect.poll(playedNow, { timeout: 30_000 }).toBeGreaterThanOrEqual(trialEndsAt)
  expect(await playedNow()).toBeLessThan(trialEndsAt + 3_600_000)
  // The renewal's invoice, without a reload.
  await page.locator('#main td').getByText('draft', { exact: true }).waitFor()

  await page.goto(`${service.url}/console#/sessions/${left.of.sessionId}`)
  await page.locator('#main').getByText('onboarding.expired').first().waitFor()
  const year = new Date(trialEndsAt).getUTCFullYear()
  await page.locator('#clock time', { hasText: String(year) }).waitFor()
  expect(complaints).toEqual([])
  await context.close()
})
