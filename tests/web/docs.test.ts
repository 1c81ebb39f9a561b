import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { complaintsOf, launchBrowser } from '../support/browser.ts'
import { type Service, startService } from '../support/service.ts'

let browser: Browser
let service: Service
beforeAll(async () => {
  ;[browser, service] = await Promise.all([launchBrowser(), startService({ webhooks: true })])
})
afterAll(async () => {
  await browser?.close()
  await service?.close()
})

test('the reference lists every operation, and one can be tried with a key that the page forgets', async () => {
  const page = await browser.newPage()
  page.setDefaultTimeout(10_000)
  const complaints = complaintsOf(page)
  await page.goto(`${service.url}/docs`)
  await page.locator('.opblock').first().waitFor()
  const { paths } = (await (await service.app.request('/openapi.json')).json()) as { paths: object }
  const operations = Object.values(paths).flatMap((methods) => Object.keys(methods))
  expect(await page.locator('.opblock').count()).toBe(operations.length)

  await page.getByRole('button', { name: 'Authorize' }).first().click()
  await page.getByLabel('Value').first().fill(service.keys.platform)
  await page.getByRole('button', { name: 'Apply credentials' }).first().click()
  await page.getByRole('button', { name: 'Close' }).first().click()
  const plans = page.locator('.opblock', { hasText: '/api/v1/billing/plans' })
  await plans.locator('.opblock-summary-control').click()
  await plans.getByRole('button', { name: 'Execute' }).click()
  await plans.locator('.live-responses-table').getByText('price_basic_monthly').waitFor()
  expect(await page.evaluate('JSON.stringify({ ...localStorage, ...sessionStorage })')).toBe('{}')
  expect(complaints).toEqual([])
})
