import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import Stripe from 'stripe'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Sandbox, startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { freePort } from '../support/free-port.ts'
import { type HoldingProxy, startHoldingProxy } from '../support/holding-proxy.ts'
import type { Reply } from '../support/requests.ts'
import { runCli } from '../support/run-cli.ts'
import { type ServiceProcess, startProcess } from '../support/service-process.ts'

/**
 * The service is killed with SIGKILL at one point of every step, started again, and the client sends its request again.
 * K0: before anything is written. K1: the intent is written, Stripe has not done it. K2: Stripe has done it, the answer
 * was not written. K3: all is written, the client has no reply.
 */
let directory: string
let sandbox: Sandbox
let proxy: HoldingProxy
let stripe: Stripe
let service: ServiceProcess
let env: Record<string, string>

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stepledger-crash-'))
  sandbox = await startSandbox({ file: join(directory, 'stripe.db') })
  proxy = await startHoldingProxy(() => sandbox.url)
  stripe = new Stripe('sk_test_of_the_tests', { protocol: 'http', host: '127.0.0.1', port: sandbox.port })
  const port = await freePort()
  const endpoint = await stripe.webhookEndpoints.create({
    url: `http://127.0.0.1:${port}/api/v1/billing/webhooks`,
    enabled_events: ['*'],
  })
  env = {
    PORT: String(port),
    DATABASE_URL: `file:${join(directory, 'service.db')}`,
    STRIPE_SECRET_KEY: 'sk_test_of_the_tests',
    STRIPE_API_BASE: proxy.url,
    STRIPE_WEBHOOK_SECRET: endpoint.secret ?? '',
  }
  service = await startProcess(env)
})

afterEach(async () => {
  await service.kill('SIGKILL')
  await proxy.close()
  await sandbox.close()
  await rm(directory, { recursive: true, force: true })
})

type Step = { path: string; body: () => object; call?: string; key?: string; before?: () => Promise<unknown> }

test.each(['K0', 'K1', 'K2', 'K3'] as const)(
  'killed at %s of every step, the same requests lead to one customer, one subscription and a log that the tables fit',
  async (point) => {
    let sessionId = ''
    let setupIntentId = ''
    const session = () => ({ session_id: sessionId })
    const steps: Step[] = [
      {
        path: '/onboarding/start',
        key: 'start-once',
        body: () => ({ email: 'a@example.com', name: 'A', company_name: 'A Ltd' }),
      },
      { path: '/onboarding/step/create-customer', body: session, call: '/v1/customers' },
      {
        path: '/onboarding/step/setup-payment',
        body: () => ({ ...session(), return_url: `${service.url.replace('127.0.0.1', 'localhost')}/done` }),
        call: '/v1/setup_intents',
      },
      {
        path: '/onboarding/step/select-plan',
        before: () =>
          stripe.setupIntents.confirm(setupIntentId, {
            payment_method: 'pm_card_visa',
            return_url: 'http://localhost',
          }),
        body: () => ({
          ...session(),
          plan_id: 'basic',
          price_id: 'price_basic_monthly',
          discount_code: 'LAUNCH50',
        }),
      },
      { path: '/onboarding/step/create-subscription', body: session, call: '/v1/subscriptions' },
      { path: '/onboarding/complete', body: session },
    ]

    for (const step of steps) {
      await step.before?.()
      const reply = await crashAndRetry(step, point)
      expect(reply, step.path).toMatchObject({ status: 200, body: { success: true } })
      sessionId = reply.body.data.session_id
      setupIntentId = reply.body.data.setup_intent_id ?? setupIntentId
      const again = await send(step)
      expect(again.status, `${step.path} again`).toBe(200)
      expect(again.body.data).toEqual(step === steps[0] ? reply.body.data : again.body.data)
    }

    const { data: customers } = await stripe.customers.list({ limit: 100 })
    expect(customers).toHaveLength(1)
    const { data: subscriptions } = await stripe.subscriptions.list({ status: 'all', limit: 100 })
    expect(subscriptions.map(({ status }) => status)).toEqual(['trialing'])
    expect((await stripe.invoices.list({ limit: 100 })).data).toHaveLength(1)
    expect((await stripe.setupIntents.list({ limit: 100 })).data).toHaveLength(1)

    await service.kill('SIGTERM')
    const verified = await runCli(['verify', '--json', '--database', String(env.DATABASE_URL)], {
      env: { PERSONAL_DATA_KEY: '' },
    })
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, faults: [], drift: [] })
    const log = new Sqlite(join(directory, 'service.db'), { readonly: true })
    const count = (type: string) =>
      log.prepare('select count(*) as n from billing_events where type = ?').get(type) as { n: number }
    for (const fact of [
      'started',
      'customer_created',
      'payment_setup_created',
      'subscription_created',
      'completed',
    ])
      expect(count(`onboarding.${fact}`), fact).toEqual({ n: 1 })
    log.close()
  },
  120_000,
)

const send = (step: Step) =>
  service.request('POST', step.path, step.body(), {
    headers: step.key === undefined ? {} : { 'Idempotency-Key': step.key },
  })

async function crashAndRetry(step: Step, point: 'K0' | 'K1' | 'K2' | 'K3'): Promise<Reply> {
  // A step without a call to Stripe has no K1 and no K2.
  if ((point === 'K1' || point === 'K2') && step.call === undefined) return send(step)
  const versions = positions()
  if (point === 'K0') {
    // Another writer holds the database: the step waits at the door of its first transaction.
    const writer = new Sqlite(join(directory, 'service.db'))
    writer.exec('begin immediate')
    const lost = send(step).catch(() => 'lost')
    await sleep(150)
    await service.kill('SIGKILL')
    writer.exec('rollback')
    writer.close()
    expect(await lost).toBe('lost')
    expect(positions()).toEqual(versions)
  } else if (point === 'K3') {
    const lost = send(step).catch(() => 'lost')
    while (positions().length === versions.length) await sleep(1)
    if (step.call !== undefined)
      while (!positions().some((type) => type.endsWith('_created') && !versions.includes(type)))
        await sleep(1)
    await service.kill('SIGKILL')
    await lost
  } else {
    const reached = proxy.hold('POST', step.call ?? '', point === 'K1' ? 'before' : 'after')
    const lost = send(step).catch(() => 'lost')
    await reached
    await service.kill('SIGKILL')
    expect(await lost).toBe('lost')
  }
  service = await startProcess(env)
  return send(step)
}

/** The session's facts so far. */
function positions(): string[] {
  const log = new Sqlite(join(directory, 'service.db'), { readonly: true })
  try {
    const rows = log
      .prepare("select type from billing_events where type like 'onboarding.%' order by position")
      .all()
    return (rows as { type: string }[]).map(({ type }) => type)
  } finally {
    log.close()
  }
}
