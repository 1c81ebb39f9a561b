import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { type Service, startService } from '../support/service.ts'
import { history } from '../support/webhooks.ts'
import { refreshed, wizard } from '../support/wizard.ts'

/**
 * The official CLI between Stripe (here the sandbox) and the service, as its users have it: `stripe listen` forwards to the
 * service's endpoint, `stripe trigger` makes things happen. Nothing else delivers a webhook.
 */
const stripeCommand = fileURLToPath(new URL('../../node_modules/.bin/stripe', import.meta.url))
let directory: string
let sandbox: Sandbox
let service: Service
let listening: ChildProcess
let said = ''

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stripe-cli-'))
  sandbox = await startSandbox({ file: join(directory, 'stripe.db') })
  const secret = (await stripe('listen', '--print-secret')).trim()
  expect(secret).toMatch(/^whsec_/)
  service = await startService({ sandbox, webhooks: true, environment: { STRIPE_WEBHOOK_SECRET: secret } })
  listening = spawn(
    stripeCommand,
    [
      'listen',
      '--all-snapshot',
      '--forward-to',
      `${service.url}/api/v1/billing/webhooks`,
      '--api-base',
      sandbox.url,
    ],
    // The command is a wrapper: the listener itself is in its process group.
    { env: environment(), detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  for (const output of [listening.stdout, listening.stderr])
    output?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
  await vi.waitFor(() => expect(said).toContain('signing secret'), { timeout: 15_000 })
})

afterAll(async () => {
  if (listening?.pid !== undefined && listening.exitCode === null) {
    process.kill(-listening.pid, 'SIGTERM')
    await once(listening, 'exit')
  }
  await service?.close()
  await sandbox?.close()
  await rm(directory, { recursive: true, force: true })
})

function environment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: directory,
    XDG_CONFIG_HOME: directory,
    STRIPE_API_KEY: 'sk_test_123456789012',
    STRIPE_CLI_TELEMETRY_OPTOUT: '1',
  }
}

async function stripe(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(stripeCommand, [...args, '--api-base', sandbox.url], {
    env: environment(),
  })
  return stdout
}

const trigger = async (type: string, ...args: string[]) => {
  expect(await stripe('trigger', type, ...args)).toContain('Trigger succeeded')
  await allDelivered()
}
/** A tenant of ours, who has no customer yet. */
const newTenant = async () => {
  const tenant = wizard(service)
  await tenant.start()
  return tenant.of.tenantId
}
const ofTenant = (tenantId: string) => ['--add', `customer:metadata[tenant_id]=${tenantId}`]

/** Every event at Stripe is in our log, and was answered 2xx. */
async function allDelivered(): Promise<void> {
  const happened = (await history(service.stripe)).map(({ id }) => id)
  const received = () => service.context.db.reader.selectFrom('stripe_events').select('event_id').execute()
  await expect
    .poll(async () => (await received()).map(({ event_id }) => event_id), { timeout: 10_000 })
    .toEqual(expect.arrayContaining(happened))
  await expect.poll(() => said.match(/\[200\] POST/g)?.length ?? 0).toBe(happened.length)
  expect(said).not.toMatch(/\[[345]\d\d\] POST|Failed to POST/)
  await refreshed(service)
}

async function rowsOf<
  T extends 'billing_customers' | 'billing_subscriptions' | 'billing_invoices' | 'billing_payment_methods',
>(table: T, tenantId: string) {
  return service.context.db.reader
    .selectFrom(table as 'billing_subscriptions')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .execute()
}

test('customer.created: a customer of a tenant of ours', async () => {
  const tenantId = await newTenant()
  await trigger('customer.created', ...ofTenant(tenantId))
  expect(await rowsOf('billing_customers', tenantId)).toMatchObject([{ is_deleted: 0 }])
})

test.each([
  ['customer.subscription.created', { status: 'active', ended_at: null }],
  ['customer.subscription.updated', { status: 'active', ended_at: null }],
  ['customer.subscription.deleted', { status: 'canceled', ended_at: expect.any(String) }],
])('%s: the subscription as it is at Stripe', async (type, expected) => {
  const tenantId = await newTenant()
  await trigger(type, ...ofTenant(tenantId))
  expect(await rowsOf('billing_subscriptions', tenantId)).toMatchObject([expected])
  const [row] = await rowsOf('billing_subscriptions', tenantId)
  const now = await service.stripe.subscriptions.retrieve(row?.subscription_id ?? '')
  expect(row).toMatchObject({ status: now.status, item_id: now.items.data[0]?.id })
})

test.each([
  ['invoice.paid', { status: 'paid', paid_at: expect.any(String), payment_failed_at: null }],
  ['invoice.payment_failed', { status: 'open', paid_at: null, payment_failed_at: expect.any(String) }],
])('%s: the invoice as it is at Stripe', async (type, expected) => {
  const tenantId = await newTenant()
  await trigger(type, ...ofTenant(tenantId))
  const rows = await rowsOf('billing_invoices', tenantId)
  expect(rows).toMatchObject([expected])
})

test('setup_intent.succeeded: a card for the customer', async () => {
  const tenant = wizard(service)
  await tenant.to('createCustomer')
  await trigger('setup_intent.succeeded', '--add', `setup_intent:customer=${tenant.of.customerId}`)
  expect(await rowsOf('billing_payment_methods', tenant.of.tenantId)).toMatchObject([
    { customer_id: tenant.of.customerId, detached_at: null },
  ])
})

test('what is triggered for nobody we know is parked, until Stripe says whose it is', async () => {
  const before = new Set((await history(service.stripe)).map(({ id }) => id))
  await trigger('invoice.paid')
  const fresh = (await history(service.stripe)).filter(({ id }) => !before.has(id))
  const customerId =
    fresh.flatMap((event) => (event.type === 'customer.created' ? event.data.object.id : []))[0] ?? ''
  const dispositions = async () => {
    const rows = await service.context.db.reader
      .selectFrom('stripe_events')
      .select(['disposition'])
      .where('customer_id', '=', customerId)
      // Of objects that we keep nothing of, such as payments: theirs it is, and that is all.
      .where('disposition', '!=', 'ignored')
      .execute()
    return [...new Set(rows.map(({ disposition }) => disposition))].sort()
  }
  expect(await dispositions()).toEqual(['parked'])

  const tenantId = await newTenant()
  expect(await rowsOf('billing_invoices', tenantId)).toEqual([])
  await stripe('post', `/v1/customers/${customerId}`, '-d', `metadata[tenant_id]=${tenantId}`)
  await allDelivered()
  expect(await dispositions()).toEqual(['applied', 'released'])
  expect(await rowsOf('billing_invoices', tenantId)).toMatchObject([{ status: 'paid' }])
})
