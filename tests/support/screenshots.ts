import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import Stripe from 'stripe'
import { launchBrowser, serveForBrowser } from './browser.ts'
import { logInTo } from './console-page.ts'
import { visitor } from './wizard-page.ts'

/** `npm run screenshots`: the pictures of docs/screenshots, from the real pages. */

const directory = new URL('../../docs/screenshots/', import.meta.url)
const widths = [1280, 390]

await mkdir(directory, { recursive: true })
const adminKey = randomUUID()
const service = await serveForBrowser({ ADMIN_API_KEY: adminKey })
const browser = await launchBrowser()
try {
  for (const width of widths) await wizardAt(browser, width)
  for (const width of widths) await consoleAt(browser, width)
  await nobodyPays()
  for (const width of widths) await delinquentAt(browser, width)
} finally {
  await browser.close()
  await service.stop()
}

async function wizardAt(browser: Browser, width: number): Promise<void> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: 'light' })
  const who = visitor(page, service.url)
  await who.open()
  await who.heading('Your details')
  await shot(page, `wizard-1-details-${width}`)
  await who.details()
  await who.press(/^Declined/)
  await who.press('Save card')
  await page.getByRole('alert').waitFor()
  await shot(page, `wizard-2-card-${width}`)
  await who.press(/^Succeeds/)
  await who.press('Save card')
  await page.getByRole('radio', { name: 'Enterprise' }).check()
  await page.getByLabel('Discount code').fill('LAUNCH50')
  await who.press('Apply')
  await page.getByText('LAUNCH50 applied').waitFor()
  await shot(page, `wizard-3-plan-${width}`)
  await who.plan('Enterprise')
  await shot(page, `wizard-4-subscription-${width}`)
  await who.press('Start free trial')
  await who.heading('You are all set')
  await shot(page, `wizard-5-finish-${width}`)
  await page.close()
}

/** The visitors from above are its tenants. */
async function consoleAt(browser: Browser, width: number): Promise<void> {
  const page = await browser.newPage({
    viewport: { width, height: 900 },
    colorScheme: 'light',
    locale: 'en-US',
  })
  await logInTo(page, service.url, adminKey)
  await page.locator('.statechart').waitFor()
  await shot(page, `console-overview-${width}`)
  await page.getByRole('link', { name: 'Tenants' }).click()
  await page.locator('tbody th a').first().click()
  const tenantId = await page.locator('h1 code').textContent()
  for (const [usage_type, most] of [
    ['case', 9],
    ['api_call', 60_000],
  ] as const)
    for (let daysAgo = 0; daysAgo < 14; daysAgo += 1)
      await fetch(`${service.url}/api/v1/billing/usage`, {
        method: 'POST',
        headers: { 'X-API-Key': adminKey },
        body: JSON.stringify({
          tenant_id: tenantId,
          usage_type,
          quantity: Math.ceil(most * (0.6 + 0.4 * Math.sin(daysAgo * 2))),
          occurred_at: new Date(Date.now() - daysAgo * 86_400_000).toISOString(),
          idempotency_key: `${usage_type}-${daysAgo}`,
        }),
      })
  await page.reload()
  await page.locator('.plot canvas').nth(1).waitFor()
  await shot(page, `console-tenant-${width}`)
  await page.locator('section a[href*="/sessions/"]').first().click()
  await page.locator('.then details').first().waitFor()
  await page.locator('.facts summary', { hasText: 'payment_declined' }).click()
  await shot(page, `console-session-${width}`)
  await page.getByRole('link', { name: 'Jobs' }).click()
  await page.getByRole('button', { name: 'Verify', exact: true }).click()
  await page.locator('.job[data-status="done"]').nth(widths.indexOf(width)).waitFor()
  await shot(page, `console-jobs-${width}`)
  await page.close()
}

/** Cards that are declined once the trial is over, and two days more. */
async function nobodyPays(): Promise<void> {
  const { hostname: host, port } = new URL(service.sandboxUrl)
  const stripe = new Stripe('sk_test_of_the_pictures', { host, port, protocol: 'http', telemetry: false })
  for (const { id, customer } of (await stripe.subscriptions.list()).data) {
    const card = await stripe.paymentMethods.attach('pm_card_chargeCustomerFail', {
      customer: String(customer),
    })
    await stripe.subscriptions.update(id, { default_payment_method: card.id })
  }
  const moved = await fetch(`${service.url}/api/v1/admin/sandbox/clock`, {
    method: 'POST',
    headers: { 'X-API-Key': adminKey },
    body: JSON.stringify({ advance_seconds: 16 * 86_400 }),
  })
  if (!moved.ok) throw new Error(await moved.text())
}

async function delinquentAt(browser: Browser, width: number): Promise<void> {
  const viewport = { width, height: 900 }
  const page = await browser.newPage({ viewport, colorScheme: 'light', locale: 'en-US' })
  await logInTo(page, service.url, adminKey, '#/delinquent')
  await page
    .getByRole('button', { name: /^Collect / })
    .first()
    .waitFor()
  await shot(page, `console-delinquent-${width}`)
  await page.close()
}

async function shot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: fileURLToPath(new URL(`${name}.png`, directory)), fullPage: true })
  console.log(`docs/screenshots/${name}.png`)
}
