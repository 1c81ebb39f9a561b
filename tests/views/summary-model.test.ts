import { afterAll, beforeAll, expect, test } from 'vitest'
import { readFacts } from '../../src/log/read.ts'
import { historyOf } from '../../src/simulation/history/history-of.ts'
import { ownNames } from '../../src/simulation/judge/own-names.ts'
import { model, type Picture, usageTypes } from '../../src/simulation/model.ts'
import { usageSummary } from '../../src/views/usage-summary.ts'
import { type Service, startService } from '../support/service.ts'
import { settled, type Wizard, wizard } from '../support/wizard.ts'

let service: Service
let tenant: Wizard
let picture: Picture
let begin: number

/** Usage before all months, of each type within them, late, voided and forgiven; the last renewal is voided. */
beforeAll(async () => {
  service = await startService({
    webhooks: true,
    environment: { BILLING_TRIAL_PERIOD_DAYS: '0', ONBOARDING_SESSION_TTL_HOURS: '2000' },
  })
  tenant = wizard(service)
  begin = service.sandbox.clock.nowMs()
  await tenant.to('createCustomer')
  await use('case', 4)
  await days(40)
  await use('case', 2)
  await days(1)
  for (const step of [tenant.setupPayment, tenant.confirmCard, tenant.selectPlan, tenant.createSubscription])
    await step()
  await settled(service)
  await use('agent', 5, { action: 'set' })
  await use('api_call', 12_345)
  await days(10)
  await use('agent', 7, { action: 'set' })
  const mistake = await use('case', 9)
  await use('event_ingestion', 777)
  await days(22)
  await use('case', 3, { occurred_at: ago(9) })
  await ask('POST', `/billing/usage/${mistake}/void`)
  await use('user', 2)
  await days(12)
  await use('api_call', 501)
  await days(20)
  const { items } = await ask('GET', `/billing/invoices/tenant/${tenant.of.tenantId}`)
  await use('case', 8)
  const [{ window_start }] = (await ask('GET', `/billing/usage/tenant/${tenant.of.tenantId}/records`)).items
  await ask('POST', '/admin/usage/forgive', {
    ...{ tenant_id: tenant.of.tenantId, window_start, usage_type: 'case', reason: 'A gift' },
  })
  await use('case', 1)
  expect(items.map(({ status }: { status: string }) => status)).toEqual(['paid', 'paid', 'paid'])
  const { current_period_end } = await ask('GET', `/billing/subscriptions/tenant/${tenant.of.tenantId}`)
  await service.sandbox.clock.advanceTo(Date.parse(current_period_end) / 1000 + 1200)
  const [draft] = (await ask('GET', `/billing/invoices/tenant/${tenant.of.tenantId}`)).items
  expect(draft.lines).not.toEqual([])
  expect((await ask('POST', `/billing/invoices/${draft.invoice_id}/void`)).status).toBe('void')
  await use('case', 1)
  const facts = await Array.fromAsync(
    readFacts(service.context.db.reader, { tenantId: tenant.of.tenantId, andTenantless: true }),
  )
  const names = ownNames(facts)
  const { history } = historyOf(service.context.db.reader, facts, (key) => names.get(key))
  picture = model(history, service.sandbox.clock.nowMs())
}, 120_000)
afterAll(() => service.close())

const days = (count: number) =>
  service.sandbox.clock.advanceTo(Math.ceil(service.sandbox.clock.nowMs() / 1000) + count * 86_400)
const ago = (count: number) => new Date(service.sandbox.clock.nowMs() - count * 86_400_000).toISOString()

async function ask(method: string, path: string, body?: object) {
  const reply = await service.request(method, path, body)
  expect(reply, path).toMatchObject({ status: 200 })
  return reply.body.data
}
const use = async (usage_type: string, quantity: number, more: object = {}) =>
  (await ask('POST', '/billing/usage', { tenant_id: tenant.of.tenantId, usage_type, quantity, ...more }))
    .record_id

const day = 86_400_000
/** Of whole days and of odd instants, from before the first record to after the last. */
const bounds = [-3, 0.5, 20, 40.7, 45, 52.25, 64.9, 72, 80.125, 95, 120, 150]
const iso = (at: number) => new Date(Math.round(begin + at * day)).toISOString()

const summaryOf = (from: number, to: number) =>
  usageSummary(service.context.db.reader, {
    tenantId: tenant.of.tenantId,
    start: iso(from),
    end: iso(to),
    now: service.context.now(),
  })

test('of any period the summary is what the model makes of the log, type by type', async () => {
  for (const [index, from] of bounds.entries())
    for (const to of bounds.slice(index + 1)) {
      const { usage } = await summaryOf(from, to)
      const models = picture.summary({ start: Date.parse(iso(from)), end: Date.parse(iso(to)) })
      for (const type of usageTypes) {
        const line = usage.find(({ usage_type }) => usage_type === type)
        const { quantity, billedCents, unbilledCents, forgivenCents } = models[type]
        expect(
          [
            line?.quantity,
            line?.billed.amount_cents,
            line?.unbilled.amount_cents,
            line?.forgiven.amount_cents,
          ],
          `${type} from ${iso(from)} to ${iso(to)}`,
        ).toEqual([quantity, billedCents, unbilledCents, forgivenCents].map(Number))
      }
    }
}, 60_000)

test('parts of a period add up: quantities exactly, amounts within a cent for each cut', async () => {
  const whole = await summaryOf(bounds[0] ?? 0, bounds.at(-1) ?? 0)
  const parts = await Promise.all(bounds.slice(1).map((to, index) => summaryOf(bounds[index] ?? to, to)))
  for (const [
    index,
    { usage_type, quantity, amount_cents, billed, unbilled, forgiven },
  ] of whole.usage.entries()) {
    const of = (number: (line: (typeof whole.usage)[number]) => number) =>
      parts.flatMap(({ usage }) => usage.slice(index, index + 1)).reduce((sum, line) => sum + number(line), 0)
    expect(
      of((line) => line.quantity),
      usage_type,
    ).toBe(quantity)
    expect(Math.abs(of((line) => line.amount_cents) - amount_cents), usage_type).toBeLessThanOrEqual(
      bounds.length,
    )
    expect(billed.amount_cents + unbilled.amount_cents + forgiven.amount_cents).toBe(amount_cents)
  }
  expect(whole.usage.find(({ usage_type }) => usage_type === 'case')?.forgiven.amount_cents).toBeGreaterThan(
    8_000,
  )
})
