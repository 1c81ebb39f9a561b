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
import { runCli } from '../support/run-cli.ts'
import { type ServiceProcess, startProcess } from '../support/service-process.ts'

let directory: string
let sandbox: Sandbox
let proxy: HoldingProxy
let stripe: Stripe
let service: ServiceProcess
let env: Record<string, string>
let database: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stepledger-erase-'))
  sandbox = await startSandbox({ file: join(directory, 'stripe.db') })
  proxy = await startHoldingProxy(() => sandbox.url)
  stripe = new Stripe('sk_test_of_the_tests', { protocol: 'http', host: '127.0.0.1', port: sandbox.port })
  database = join(directory, 'service.db')
  env = {
    PORT: String(await freePort()),
    DATABASE_URL: `file:${database}`,
    STRIPE_SECRET_KEY: 'sk_test_of_the_tests',
    STRIPE_API_BASE: proxy.url,
  }
  service = await startProcess(env)
})
afterEach(async () => {
  await service.kill('SIGKILL')
  await proxy.close()
  await sandbox.close()
  await rm(directory, { recursive: true, force: true })
})

/** With the key that the service has made beside its database. */
const stepledger = (...args: string[]) =>
  runCli([...args, '--database', `file:${database}`], { env: { PERSONAL_DATA_KEY: '' } })

const customer = { tenant_id: 'canary_1', email: 'canary@example.com', name: 'Canary' }
const makeCustomer = async (): Promise<string> =>
  (await service.request('POST', '/billing/customers', customer)).body.data.customer_id
const pending = () => {
  const file = new Sqlite(database, { readonly: true })
  try {
    return file
      .prepare("select effect_id from effects where status = 'pending' and kind = 'delete_customer'")
      .all()
  } finally {
    file.close()
  }
}
const deletions = async () => {
  const { data } = await stripe.events.list({ type: 'customer.deleted', limit: 100 })
  return data.length
}

test.each(['before', 'after'] as const)(
  'killed %s Stripe has deleted the customer, it is deleted once and the log fits its tables',
  async (point) => {
    const id = await makeCustomer()
    const reached = proxy.hold('DELETE', `/v1/customers/${id}`, point)
    const erased = await service.request('POST', '/admin/tenants/canary_1/erase', {})
    expect(erased).toMatchObject({ status: 200, body: { data: { is_scrubbed: true } } })
    await reached
    await service.kill('SIGKILL')
    expect(pending()).toHaveLength(1)

    service = await startProcess(env)
    while (pending().length > 0) await sleep(20)
    expect(await deletions()).toBe(1)
    expect(await stripe.customers.retrieve(id)).toMatchObject({ deleted: true })
    expect((await service.request('POST', '/admin/tenants/canary_1/erase', {})).body).toEqual(erased.body)
    await service.kill('SIGTERM')
    const verified = await stepledger('verify', '--json')
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, faults: [], drift: [] })
  },
  60_000,
)

test('killed at the door of the turn, nothing is erased; the same request again erases', async () => {
  await makeCustomer()
  const writer = new Sqlite(database)
  writer.exec('begin immediate')
  const lost = service.request('POST', '/admin/tenants/canary_1/erase', {}).catch(() => 'lost')
  await sleep(150)
  await service.kill('SIGKILL')
  writer.exec('rollback')
  writer.close()
  expect(await lost).toBe('lost')
  service = await startProcess(env)
  expect((await service.request('GET', '/billing/customers/tenant/canary_1')).body.data).toMatchObject({
    name: 'Canary',
  })
  expect((await service.request('POST', '/admin/tenants/canary_1/erase', {})).status).toBe(200)
  expect((await service.request('GET', '/billing/customers/tenant/canary_1')).status).toBe(404)
})

test('the command erases beside the running service, which deletes the customer; again: the same', async () => {
  const id = await makeCustomer()
  const again = () => stepledger('erase', '--tenant', 'canary_1', '--json')
  const { code, stdout } = await again()
  expect(code).toBe(0)
  const erasure = JSON.parse(stdout)
  expect(erasure).toMatchObject({ tenant_id: 'canary_1', keeps_stripe: false, is_scrubbed: true })
  while ((await deletions()) === 0) await sleep(20)
  expect(await stripe.customers.retrieve(id)).toMatchObject({ deleted: true })
  expect(JSON.parse((await again()).stdout)).toEqual(erasure)
  expect(await stepledger('erase', '--tenant', 'nobody')).toMatchObject({
    code: 1,
    stdout: '',
  })
})
