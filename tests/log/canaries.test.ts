import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Stripe from 'stripe'
import { expect, onTestFinished, test } from 'vitest'
import type { Reader } from '../../src/db/tables.ts'
import { tableNames } from '../../src/db/tables.ts'
import type { JsonObject } from '../../src/log/take-apart.ts'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { sign } from '../../src/stripe-sandbox/webhooks.ts'
import { type Canaries, canaries, replanted } from '../support/canaries.ts'
import { eachDatabase, testKey } from '../support/databases.ts'
import { startHoldingProxy } from '../support/holding-proxy.ts'
import { adminKey, type Reply, spawnService } from '../support/service-process.ts'
import { stripeObjects } from '../support/stripe-types.ts'
import { eventOf, signingSecret } from '../support/webhooks.ts'
import { basicMonthly } from '../support/wizard.ts'

/** The only places that have what persons gave, or Stripe says of them, in the clear. */
const inTheClear = [
  ...['billing_customers.email', 'billing_customers.name', 'billing_customers.phone'],
  ...['people.email', 'people.name', 'people.company_name', 'people.phone'],
  ...['billing_usage_records.metadata', 'billing_usage_records.idempotency_key'],
  ...['billing_invoices.hosted_invoice_url', 'billing_payment_methods.last4'],
]

/** What the sandbox makes, and some of what it does not. */
const stripeTypes = [
  ...['Customer', 'Subscription', 'Invoice', 'PaymentMethod', 'SetupIntent', 'PaymentIntent', 'Charge'],
  ...['Coupon', 'PromotionCode', 'Product', 'Price', 'InvoiceItem', 'WebhookEndpoint'],
  ...['Dispute', 'Refund', 'CreditNote', 'TaxId', 'Quote', 'Account', 'Card', 'BankAccount', 'Review'],
]
const mirrored = ['customer', 'subscription', 'invoice', 'payment_method', 'setup_intent']
const catalogue = ['coupon', 'promotion_code', 'product', 'price']
const prefixes: Record<string, string> = { invoice: 'in', payment_method: 'pm', setup_intent: 'seti' }
const origin = 'http://localhost:8080'

test.each(eachDatabase)(
  'what persons and Stripe say stands nowhere in the clear but in the columns for it, on $name',
  async ({ name, create }) => {
    const canary = canaries()
    const w = await world(await create(), canary)
    const walked = stripeObjects(stripeTypes, (path) => `canary of ${path}`)
    await onboard(w)
    await bill(w)
    await meter(w)
    await misuse(w)
    await hear(w, walked)
    await w.settled()

    const capsules = await Promise.all(
      w.sessions.map(async (id) => [id, await w.read(`/admin/sessions/${id}/capsule`)] as const),
    )
    for (const [id, capsule] of capsules) {
      expect(capsule, id).toContain('stepledger-capsule/1')
      expect.soft(canary.in(capsule).slice(0, 20), `the capsule of ${id}`).toEqual([])
    }
    for (const path of ['/admin/events?limit=100', '/admin/webhooks', '/admin/effects', '/admin/overview'])
      expect.soft(canary.in(await w.read(path)).slice(0, 20), path).toEqual([])
    expect.soft(canary.in(await (await fetch(`${w.url}/metrics`)).text()), '/metrics').toEqual([])
    expect.soft(w.leakyReplies, 'replies').toEqual([])

    const allowed = await w.look()
    for (const place of inTheClear.filter((each) => w.hasColumn(each)))
      expect.soft(w.places.get(place)?.size, `planted in ${place}`).toBeGreaterThan(0)
    for (const [place, found] of w.places)
      if (!inTheClear.includes(place)) expect.soft([...found].slice(0, 20), place).toEqual([])

    if (name === 'SQLite') await w.filesHoldOnly(allowed)
    await w.stop()
    if (name === 'SQLite') await w.filesHoldOnly(allowed)
    expect.soft(w.output().length).toBeGreaterThan(1000)
    expect.soft(canary.in(w.output()).slice(0, 20), 'the output of the process').toEqual([])
  },
  120_000,
)

type World = Awaited<ReturnType<typeof world>>

async function world(db: Awaited<ReturnType<(typeof eachDatabase)[number]['create']>>, canary: Canaries) {
  const beside = await mkdtemp(join(tmpdir(), 'canaries-'))
  const url = Promise.withResolvers<string>()
  const sandbox = await startSandbox({
    file: join(beside, 'sandbox.db'),
    webhook: { url: url.promise, secret: signingSecret },
  })
  const proxy = await startHoldingProxy(() => sandbox.url)
  const service = spawnService({
    DATABASE_URL: db.url,
    PERSONAL_DATA_KEY: testKey.toString('base64'),
    ADMIN_API_KEY: adminKey,
    LOG_LEVEL: 'debug',
    PORT: '0',
    PUBLIC_URL: origin,
    STRIPE_SECRET_KEY: 'sk_test_of_the_tests',
    STRIPE_API_BASE: proxy.url,
    STRIPE_WEBHOOK_SECRET: signingSecret,
  })
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    service.child.kill('SIGTERM')
    await service.ended
  }
  onTestFinished(async () => {
    url.resolve('http://127.0.0.1:9')
    await stop()
    await proxy.close()
    await sandbox.close()
    await db.close()
    await rm(beside, { recursive: true, force: true })
  })
  await service.listening
  const base: string = JSON.parse(service.stdout().split('\n')[0] ?? '').url
  url.resolve(`${base}/api/v1/billing/webhooks`)

  const leakyReplies: string[] = []
  /** What a refusal says to the caller: what the caller, or Stripe, has just said, and no e-mail or phone at all. */
  const judged = async (response: Response, sent: string): Promise<Reply> => {
    const text = await response.text()
    if (!response.ok) {
      const own = canary.in(sent)
      const foreign = canary
        .in(text)
        .filter(
          (each) => !(own.includes(each) || /^what Stripe quotes/.test(each)) || /email|phone/.test(each),
        )
      if (foreign.length > 0) leakyReplies.push(`${response.status} ${response.url}: ${foreign}`)
    }
    return { status: response.status, body: JSON.parse(text) }
  }
  const send = async (
    method: string,
    path: string,
    body?: object | string,
    headers: Record<string, string> = {},
  ) => {
    const text = typeof body === 'object' ? JSON.stringify(body) : body
    const response = await fetch(`${base}/api/v1${path}`, {
      method,
      headers: { 'X-API-Key': adminKey, ...headers },
      ...(text !== undefined && { body: text }),
    })
    return judged(response, `${path} ${text} ${JSON.stringify(headers)}`)
  }

  const places = new Map<string, Set<string>>()
  const columns = new Set<string>()
  /** Notes what stands where now. Answers what has ever stood where it may. */
  const look = async (): Promise<Set<string>> => {
    for (const table of tableNames) {
      const rows = await (db.reader as Reader)
        .selectFrom(table as 'billing_events')
        .selectAll()
        .execute()
      for (const row of rows)
        for (const [column, value] of Object.entries(row)) {
          const place = `${table}.${column}`
          columns.add(place)
          const found = canary.in(String(value))
          const known = places.get(place) ?? new Set()
          for (const each of found) known.add(each)
          if (known.size > 0) places.set(place, known)
        }
    }
    return new Set(inTheClear.flatMap((place) => [...(places.get(place) ?? [])]))
  }

  return {
    canary,
    proxy,
    stripe: new Stripe('sk_test_of_the_tests', {
      host: '127.0.0.1',
      port: sandbox.port,
      protocol: 'http',
      telemetry: false,
    }),
    url: base,
    sessions: [] as string[],
    leakyReplies,
    places,
    hasColumn: (place: string) => columns.has(place),
    look,
    stop,
    output: () => service.stdout() + service.stderr(),
    send,
    post: (path: string, body?: object | string, headers?: Record<string, string>) =>
      send('POST', path, body, headers),
    async read(path: string): Promise<string> {
      return JSON.stringify((await send('GET', path)).body)
    },
    /** Once more under the same header, so that the reply is stored and read again. */
    async twice(path: string, body: object, headers: Record<string, string> = {}): Promise<Reply> {
      const key = { 'Idempotency-Key': canary.text(`the Idempotency-Key of ${path}`), ...headers }
      const first = await send('POST', path, body, key)
      expect(first.status, `${path}: ${JSON.stringify(first.body)}`).toBe(200)
      expect((await send('POST', path, body, key)).body.data).toEqual(first.body.data)
      expect((await send('POST', path, { ...body, other: 1 }, key)).status).toBe(409)
      return first.body.data
    },
    async deliver(type: string, object: object, more: object = {}): Promise<Reply> {
      const event = { ...eventOf(type, object, more), created: Math.floor(Date.now() / 1000) }
      const payload = JSON.stringify(event)
      const reply = await send('POST', '/billing/webhooks', payload, {
        'Stripe-Signature': sign(payload, signingSecret, Date.now()),
      })
      expect(reply, `${type} ${JSON.stringify(reply.body)}`).toMatchObject({ status: 200 })
      return event
    },
    dispositions: async () => {
      const rows = await db.reader.selectFrom('stripe_events').select('disposition').distinct().execute()
      return rows.map(({ disposition }) => disposition)
    },
    async settled(): Promise<void> {
      await sandbox.deliverDue()
      await expect
        .poll(
          () =>
            db.reader
              .selectFrom('effects')
              .select(['effect_id', 'last_error'])
              .where('kind', '=', 'refresh_object')
              .where('status', '=', 'pending')
              .execute(),
          { timeout: 15_000 },
        )
        .toEqual([])
      await look()
    },
    async filesHoldOnly(allowed: Set<string>): Promise<void> {
      const directory = join(db.url.slice('file:'.length), '..')
      const files = await readdir(directory)
      expect(files).toContain('test.db')
      expect(files.some((file) => file.includes('api-calls'))).toBe(true)
      for (const file of files) {
        const found = canary.in(await readFile(join(directory, file), 'latin1'))
        expect.soft(found.filter((each) => !allowed.has(each)).slice(0, 20), file).toEqual([])
      }
    },
  }
}

const quoting = (canary: Canaries, code: string, where: string) => ({
  error: {
    type: code === 'card_declined' ? 'card_error' : 'invalid_request_error',
    code,
    param: 'email',
    message: `Stripe refuses ${canary.text(`what Stripe quotes on ${where}`)} and ${canary.email(`the email that Stripe quotes on ${where}`)}`,
  },
})

function person(canary: Canaries, of: string) {
  return {
    email: canary.email(`email, ${of}`),
    name: canary.text(`name, ${of}`),
    company_name: canary.text(`company_name, ${of}`),
    phone: canary.phone(`phone, ${of}`),
  }
}

/** A session to its end, with Stripe's refusals on the way; one that is given up; and one whose applicant is corrected. */
async function onboard(w: World): Promise<void> {
  const { canary, proxy } = w
  const urlWith = (where: string) => `${origin}/done/${encodeURIComponent(canary.text(where))}`
  const { session_id } = await w.twice(
    '/onboarding/start',
    { ...person(canary, 'start'), success_url: urlWith('success_url') },
    { 'X-Request-Id': canary.text('X-Request-Id'), 'User-Agent': canary.text('User-Agent') },
  )
  w.sessions.push(session_id)
  proxy.answer('POST', '/v1/customers', 400, quoting(canary, 'email_invalid', 'create-customer'))
  expect((await w.post('/onboarding/step/create-customer', { session_id })).status).toBe(422)
  await w.look()
  await w.twice('/onboarding/applicant', { session_id, ...person(canary, 'a correction') })
  const once = { 'Stripe-Should-Retry': 'false' }
  proxy.answer('POST', '/v1/customers', 500, quoting(canary, 'api_error', 'a 500'), once)
  expect((await w.post('/onboarding/step/create-customer', { session_id })).status).toBe(503)
  await w.look()
  proxy.answer('POST', '/v1/customers', 502, { page: canary.text('a page of a proxy') }, once)
  await w.post('/onboarding/step/create-customer', { session_id })
  await w.look()
  await w.twice('/onboarding/step/create-customer', { session_id })
  proxy.answer('POST', '/v1/setup_intents', 400, quoting(canary, 'bad', 'setup-payment'))
  const return_url = urlWith('return_url')
  expect((await w.post('/onboarding/step/setup-payment', { session_id, return_url })).status).toBe(422)
  const { setup_intent_id } = await w.twice('/onboarding/step/setup-payment', { session_id, return_url })
  await w.stripe.setupIntents.confirm(setup_intent_id, {
    payment_method: 'pm_card_visa',
    return_url: `${origin}/`,
  })
  await w.settled()
  const noCode = { session_id, ...basicMonthly, discount_code: canary.text('discount_code') }
  for (const step of ['preview-plan', 'select-plan'])
    expect((await w.post(`/onboarding/step/${step}`, noCode)).status).toBe(422)
  const noPlan = { ...basicMonthly, session_id, plan_id: canary.text('plan_id') }
  expect((await w.post('/onboarding/step/select-plan', noPlan)).status).toBe(422)
  await w.twice('/onboarding/step/select-plan', { session_id, ...basicMonthly })
  proxy.answer('POST', '/v1/subscriptions', 402, quoting(canary, 'card_declined', 'create-subscription'))
  expect((await w.post('/onboarding/step/create-subscription', { session_id })).status).toBe(402)
  await w.look()
  await w.twice('/onboarding/step/create-subscription', { session_id })
  await w.settled()
  await w.twice('/onboarding/complete', { session_id })

  const givenUp = await w.twice('/onboarding/start', person(canary, 'a start given up'))
  w.sessions.push(givenUp.session_id)
  await w.twice('/onboarding/cancel', { session_id: givenUp.session_id })
}

/** Customers and subscriptions of the platform's own making. */
async function bill(w: World): Promise<void> {
  const { canary, proxy } = w
  const customer = {
    tenant_id: 'tenant_billed',
    ...person(canary, 'a customer'),
    metadata: { [canary.text('the name of a member of metadata')]: canary.text('metadata') },
  }
  proxy.answer('POST', '/v1/customers', 400, quoting(canary, 'email_invalid', 'a customer'))
  expect((await w.post('/billing/customers', customer)).status).toBe(422)
  await w.look()
  const { customer_id } = await w.twice('/billing/customers', customer)
  const subscription = {
    tenant_id: 'tenant_billed',
    customer_id,
    price_id: 'price_basic_monthly',
    payment_method_id: 'pm_card_visa',
  }
  const discount_code = canary.text('discount_code of a subscription')
  expect((await w.post('/billing/subscriptions', { ...subscription, discount_code })).status).toBe(422)
  proxy.answer('POST', '/v1/subscriptions', 402, quoting(canary, 'card_declined', 'a subscription'))
  expect((await w.post('/billing/subscriptions', subscription)).status).toBe(402)
  const { subscription_id } = await w.twice('/billing/subscriptions', subscription)
  const of = `/billing/subscriptions/${subscription_id}`
  const price_id = 'price_enterprise_monthly'
  await w.twice(`${of}/preview-change`, { price_id })
  proxy.answer('POST', `/v1/subscriptions/${subscription_id}`, 400, quoting(canary, 'bad', 'a change'))
  expect((await w.post(`${of}/change-plan`, { price_id })).status).toBe(422)
  await w.twice(`${of}/change-plan`, { price_id })
  for (const verb of ['pause', 'resume', 'cancel']) await w.twice(`${of}/${verb}`, {})
  await w.twice('/billing/discounts', { code: 'SUMMER', percent_off: 10 })
  const card = await w.stripe.paymentMethods.attach('pm_card_mastercard', { customer: customer_id })
  await w.stripe.paymentMethods.update(card.id, {
    billing_details: { name: canary.text('a card holder'), phone: canary.phone('phone of a card holder') },
  })
  await w.stripe.customers.update(customer_id, {
    name: canary.text('name, changed at Stripe'),
    description: canary.text('description at Stripe'),
    address: { line1: canary.text('an address') },
    metadata: { [canary.text('a name in metadata at Stripe')]: canary.text('metadata at Stripe') },
  })
  await w.settled()
}

async function meter(w: World): Promise<void> {
  const { canary } = w
  const usage = (where: string) => ({
    tenant_id: 'tenant_billed',
    usage_type: 'case',
    quantity: 1,
    idempotency_key: canary.text(`idempotency_key of ${where}`),
    metadata: { [canary.text(`a name in metadata of ${where}`)]: canary.text(`metadata of ${where}`) },
  })
  const one = usage('usage')
  const { record_id } = await w.twice('/billing/usage', one)
  expect((await w.post('/billing/usage', { ...one, quantity: 2 })).status).toBe(409)
  await w.twice('/billing/usage/batch', { records: [usage('a batch'), usage('a batch, again')] })
  await w.twice(`/billing/usage/${record_id}/void`, { reason: canary.text('the reason of a void') })
  expect((await w.post('/billing/usage', { ...usage('a stranger'), tenant_id: 'nobody' })).status).toBe(404)
  const { body } = await w.post('/admin/keys', { scope: 'tenant', tenant_id: 'tenant_billed' })
  const counted = { 'X-API-Key': body.data.key, 'User-Agent': canary.text('User-Agent of a tenant') }
  for (let calls = 0; calls < 3; calls += 1)
    await w.send('GET', `/billing/customers/tenant/tenant_billed`, undefined, counted)
}

/** Requests that name nothing, or are none. */
async function misuse(w: World): Promise<void> {
  const { canary } = w
  const text = (where: string) => encodeURIComponent(canary.text(where))
  const refused = async (method: string, path: string, body?: object | string, headers = {}) =>
    expect.soft((await w.send(method, path, body, headers)).status, path).toBeGreaterThan(399)
  for (const path of [
    '/nowhere/',
    '/onboarding/',
    '/billing/discounts/',
    '/billing/customers/tenant/',
    '/billing/status/tenant/',
    '/billing/subscriptions/tenant/',
    '/admin/effects/',
    '/admin/sessions/',
    '/admin/why?table=billing_customers&key=',
    '/admin/diff?tenant=x&from=',
    '/billing/discounts?cursor=',
  ])
    await refused('GET', path + text(path))
  await refused('GET', `/billing/discounts/${canary.word('a code of no discount')}`)
  await refused('POST', `/admin/effects/${text('the id of no effect')}/retry`)
  await refused('POST', `/billing/usage/${text('the id of no usage')}/void`)
  await refused('POST', '/onboarding/start', {
    ...person(canary, 'a bad start'),
    email: canary.text('email, bad'),
  })
  await refused('POST', '/onboarding/start', { [canary.text('a field of nothing')]: 1 })
  await refused('POST', '/onboarding/start', `{"email": ${canary.text('malformed JSON')}`)
  await refused('POST', '/onboarding/start', '{}', { 'Content-Type': canary.text('Content-Type') })
  await refused('POST', '/onboarding/step/create-customer', { session_id: canary.text('session_id') })
  await refused('POST', '/onboarding/step/create-customer', {
    session_id: canary.word('session_id of nothing'),
  })
  await refused('GET', '/billing/discounts', undefined, { 'X-API-Key': canary.text('X-API-Key') })
  await refused('GET', '/billing/discounts', undefined, {
    'X-API-Key': '',
    Authorization: `Bearer ${canary.word('Authorization')}`,
  })
  await refused('POST', '/billing/webhooks', canary.text('an unsigned webhook'), {
    'Stripe-Signature': canary.text('Stripe-Signature'),
  })
  for (const payload of [
    canary.text('a signed text'),
    JSON.stringify({ id: canary.text('a signed object') }),
  ])
    await refused('POST', '/billing/webhooks', payload, {
      'Stripe-Signature': sign(payload, signingSecret, Date.now()),
    })
  const phone = canary.phone('phone as X-Request-Id').slice(1)
  const tenant_id = 'tenant_of_request_ids'
  const id = { 'X-Request-Id': phone }
  expect(
    (await w.post('/billing/customers', { tenant_id, ...person(canary, 'X-Request-Id') }, id)).status,
  ).toBe(200)
  await w.look()
}

/** Each of Stripe's objects, as webhooks that are applied, parked and released, ignored, quarantined and refetched. */
async function hear(w: World, walked: Record<string, JsonObject>): Promise<void> {
  const { canary, proxy } = w
  const tenant_id = 'tenant_heard'
  const { customer_id } = await w.twice('/billing/customers', {
    tenant_id,
    ...person(canary, 'who is heard of'),
  })
  await w.look()
  const started = await w.twice('/onboarding/start', person(canary, 'who waits for Stripe'))
  w.sessions.push(started.session_id)
  const stranger = 'cus_ofNobodyYet1'
  let serial = 0
  const planted = (name: string, how: string, own: object): JsonObject => {
    const object = replanted(walked[name] as JsonObject, `${name}, ${how}`, canary)
    serial += 1
    const prefix = prefixes[String(object.object)] ?? 'obj'
    const changed = {
      id: `${prefix}_heard${serial}`,
      ...('created' in object && { created: Math.floor(Date.now() / 1000) - 100 + (serial % 50) }),
      ...('currency' in object && { currency: 'usd' }),
      ...own,
    }
    return {
      ...object,
      ...changed,
      metadata: { ...(object.metadata as object), ...('metadata' in own ? (own.metadata as object) : {}) },
    }
  }
  const ofCustomer = (kind: string, id: string) => (kind === 'customer' ? { id } : { customer: id })
  for (const name of stripeTypes) {
    const kind = String(walked[name]?.object)
    const type = `${kind}.updated`
    const isCatalogue = catalogue.includes(kind)
    const own = isCatalogue ? {} : ofCustomer(kind, customer_id)
    await w.deliver(type, planted(name, 'applied', own), {
      data: { object: planted(name, 'applied', own), previous_attributes: planted(name, 'before', own) },
    })
    await w.deliver(type, planted(name, 'of nobody', {}))
    if (isCatalogue) continue
    await w.deliver(type, planted(name, 'parked', ofCustomer(kind, stranger)))
    await w.deliver(
      type,
      planted(name, 'of another tenant', { ...own, metadata: { tenant_id: 'tenant_other' } }),
    )
    await w.deliver(type, planted(name, 'live', own), { livemode: true })
    const old = planted(name, 'of another version', own)
    if (mirrored.includes(kind))
      proxy.answer('GET', `/v1/${kind}s/${old.id}`, 200, planted(name, 'answered', { ...own, id: old.id }))
    await w.deliver(type, old, { api_version: '2020-08-27' })
    await w.deliver(type, {
      ...planted(name, 'faulty', own),
      id: { text: canary.text(`${name}, the id of a faulty one`) },
    })
  }
  await w.look()
  await w.deliver('invoice.updated', planted('Invoice', 'parked for ever', { customer: 'cus_ofNobodyEver' }))
  await w.deliver('something.new', {
    id: canary.text('an unknown id'),
    object: canary.text('an unknown object'),
    customer: canary.text('a customer that is no id'),
    name: canary.text('an unknown name'),
  })
  await w.settled()
  await w.deliver(
    'customer.created',
    planted('Customer', 'whom others wait for', { id: stranger, metadata: { tenant_id: started.tenant_id } }),
  )
  await w.settled()
  const dispositions = ['applied', 'ignored', 'parked', 'quarantined', 'refetched', 'released']
  expect((await w.dispositions()).sort()).toEqual(dispositions)
}
