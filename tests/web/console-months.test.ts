import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { barriersOn, complaintsOf, launchBrowser, sidewaysOverflow } from '../support/browser.ts'
import { logInTo } from '../support/console-page.ts'
import { adminKey } from '../support/requests.ts'
import { type Service, startService } from '../support/service.ts'
import { type Wizard, wizard } from '../support/wizard.ts'

let browser: Browser
let service: Service
let ada: Wizard

beforeAll(async () => {
  const environment = { BILLING_TRIAL_PERIOD_DAYS: '0' }
  ;[browser, service] = await Promise.all([launchBrowser(), startService({ webhooks: true, environment })])
  ada = wizard(service)
  await ada.to('createSubscription')
})
afterAll(async () => {
  await browser?.close()
  await service?.close()
})

const passes = (days: number) => {
  const { clock } = service.sandbox
  return clock.advanceTo(Math.ceil(clock.nowMs() / 1000) + days * 86_400)
}
const uses = async (usage_type: string, quantity: number, action = 'increment') => {
  const body = { tenant_id: ada.of.tenantId, usage_type, quantity, action }
  const reply = await service.request('POST', '/billing/usage', body)
  expect(reply.status).toBe(200)
  return reply.body.data.record_id
}

test('a tenant’s months are told in words: used, charged on which invoice, credited on which, and what is to come', async () => {
  await passes(1)
  await uses('agent', 12, 'set')
  const wrong = await uses('case', 4)
  await uses('case', 5)
  await passes(31)
  expect((await service.request('POST', `/billing/usage/${wrong}/void`, {})).status).toBe(200)
  await passes(31)
  await uses('api_call', 3)
  const { invoices } = (await service.request('GET', `/admin/tenants/${ada.of.tenantId}`)).body.data
  const [third, second, first] = invoices.map(({ number }: { number: string }) => number)
  const context = await browser.newContext({ locale: 'en-US' })
  const page = await context.newPage()
  const complaints = complaintsOf(page)
  await logInTo(page, `${service.url}`, adminKey, `#/tenants/${ada.of.tenantId}`)
  const part = page.getByRole('region', { name: 'Months' }).first()
  await part.getByText(/^Next invoice: \$/).waitFor()
  const rows = await part.getByRole('row').allTextContents()
  expect(rows.slice(1).map((row) => row.replaceAll('Why ', ''))).toEqual([
    expect.stringMatching(
      `\\(so far\\)12 agents, 3 API calls, platform base\\$100.00 charged on ${third}\\$600.00 so far$`,
    ),
    expect.stringMatching(
      `12 agents, platform base\\$100.00 charged on ${second}, \\$600.00 charged on ${third}–$`,
    ),
    expect.stringMatching(
      `12 agents, 5 cases, platform base\\$100.00 charged on ${first}, \\$690.00 charged on ${second}, \\$40.00 credited on ${third}–$`,
    ),
  ])
  await part.getByRole('button', { name: `$40.00 credited on ${third}` }).click()
  await page.getByRole('dialog').getByText('usage.line_asked').waitFor()
  await page.getByRole('dialog').getByRole('region', { name: 'Our lines' }).waitFor()
  expect(await barriersOn(page)).toEqual([])
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
  expect(await barriersOn(page)).toEqual([])
  await page.setViewportSize({ width: 360, height: 740 })
  expect(await sidewaysOverflow(page)).toBe(0)
  expect(complaints).toEqual([])
  await context.close()
})
