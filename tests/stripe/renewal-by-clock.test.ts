import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Stripe from 'stripe'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { serve } from '../../src/main.ts'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { createPostgres, createSqlite, type TestDatabase, testKey } from '../support/databases.ts'
import { freePort } from '../support/free-port.ts'
import { adminKey, requestsAt } from '../support/requests.ts'
import type { Service } from '../support/service.ts'
import { returnUrl, wizard } from '../support/wizard.ts'

const webhookSecret = 'whsec_of_the_tests'

type World = { database: TestDatabase; url: string; sandboxUrl: string }

async function served(database: TestDatabase, environment: Record<string, string>): Promise<World> {
  const config = readConfig({
    ADMIN_API_KEY: adminKey,
    PERSONAL_DATA_KEY: testKey.toString('base64'),
    RETURN_URL_ORIGINS: new URL(returnUrl).origin,
    BILLING_TRIAL_PERIOD_DAYS: '0',
    LOG_LEVEL: 'silent',
    DATABASE_URL: database.url,
    PORT: String(await freePort()),
    ...environment,
  })
  const { url, stop, sandboxUrl = environment.STRIPE_API_BASE ?? '' } = await serve(config)
  onTestFinished(stop)
  return { database, url, sandboxUrl }
}

async function withOwnSandbox(): Promise<World> {
  const database = await createSqlite()
  onTestFinished(() => database.close())
  return served(database, { STRIPE_SANDBOX_PORT: '0' })
}

async function withSandboxElsewhere(): Promise<World> {
  const database = await createPostgres()
  onTestFinished(() => database.close())
  const directory = await mkdtemp(join(tmpdir(), 'renewal-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/api/v1/billing/webhooks`
  const box = await startSandbox({ file: join(directory, 'box.db'), webhook: { url, secret: webhookSecret } })
  onTestFinished(() => box.close())
  return served(database, {
    PORT: String(port),
    STRIPE_API_BASE: box.url,
    STRIPE_SECRET_KEY: 'sk_test_of_the_tests',
    STRIPE_WEBHOOK_SECRET: webhookSecret,
  })
}

/** What the wizard needs of a service. */
function partsOf({ url, sandboxUrl }: World): Pick<Service, 'request' | 'stripe' | 'sandbox'> {
  const { hostname: host, port } = new URL(sandboxUrl)
  return {
    request: requestsAt(url),
    stripe: new Stripe('sk_test_of_the_tests', { host, port, protocol: 'http', telemetry: false }),
    sandbox: { url: sandboxUrl } as Service['sandbox'],
  }
}

describe.each([
  ['its own sandbox, on SQLite', withOwnSandbox],
  ['a sandbox in another process, on PostgreSQL', withSandboxElsewhere],
] as const)('with %s', (_, world) => {
  test('each renewal has its usage on it before it is final, when time is moved over two months at once', async () => {
    const of = await world()
    const { request, stripe, sandbox } = partsOf(of)
    const tenant = wizard({ request, stripe, sandbox })
    await tenant.to('createSubscription')
    expect((await tenant.complete()).status).toBe(200)
    const usage = { tenant_id: tenant.of.tenantId, usage_type: 'case', quantity: 3 }
    expect((await request('POST', '/billing/usage', usage)).status).toBe(200)

    const moved = await request('POST', '/admin/sandbox/clock', { advance_seconds: 63 * 86_400 })
    expect(moved).toMatchObject({ status: 200, body: { data: { dropped: [] } } })

    const { data } = await stripe.invoices.list({ customer: tenant.of.customerId, limit: 100 })
    const renewals = data.filter((each) => each.billing_reason === 'subscription_cycle').reverse()
    expect(renewals.map(({ status }) => status)).toEqual(['paid', 'paid'])
    const texts = renewals.map(({ lines }) => lines.data.map(({ description }) => description ?? ''))
    expect(texts[0]).toContainEqual(expect.stringMatching(/^Cases, .*: 3$/))
    expect(texts[1]).not.toContainEqual(expect.stringContaining('Cases'))
    expect(texts[1]).toContainEqual(expect.stringMatching(/^Platform base/))

    const facts = await of.database.reader
      .selectFrom('billing_events')
      .select(['type', 'data', 'occurred_at'])
      .where('tenant_id', '=', tenant.of.tenantId)
      .orderBy('position')
      .execute()
    const [first] = renewals
    const told = facts
      .filter(({ data: text }) => text.includes(first?.id ?? ''))
      .map(({ type, data: text }) => JSON.parse(text).event_type ?? type)
    expect(told.indexOf('usage.line_asked')).toBeGreaterThan(told.indexOf('invoice.created'))
    expect(told.indexOf('usage.line_asked')).toBeLessThan(told.indexOf('invoice.finalized'))
    const times = facts.map(({ occurred_at }) => occurred_at.slice(0, 16))
    expect(times.toSorted()).toEqual(times)
  })
})
