/**
 * Stripe with canned answers: what the sandbox answers to one onboarding, again and again under other ids. It keeps keys as
 * Stripe does, works for nobody else, and costs next to nothing. `GET /made` says how much was made twice.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import qs from 'qs'
import { startSandbox } from '../../src/stripe-sandbox/sandbox.ts'

// biome-ignore lint/suspicious/noExplicitAny: objects of Stripe, which are passed on as they are
type Json = Record<string, any>

const templates = await recordTemplates()
const objects = new Map<string, Json>()
for (const list of Object.values(templates.lists))
  for (const object of list.data) objects.set(object.id, object)
objects.set('in_template', templates.subscription.latest_invoice)
const answers = new Map<string, string>()
const madeFor = new Map<string, number>()
const newId = (prefix: string) => `${prefix}_${randomBytes(12).toString('hex')}`

const server = createServer(async (request, response) => {
  const text = await bodyOf(request)
  const key = request.headers['idempotency-key']
  const known = typeof key === 'string' ? answers.get(key) : undefined
  let status = 200
  let answer = known
  if (answer === undefined) {
    const body = answerTo(request.method ?? 'GET', request.url ?? '/', text)
    if (body === undefined) status = 404
    answer = JSON.stringify(body ?? { error: { type: 'invalid_request_error', message: request.url } })
    if (typeof key === 'string' && status === 200) answers.set(key, answer)
  }
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': newId('req') }).end(answer)
})
server.listen(0, '127.0.0.1', () =>
  console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })),
)
process.once('SIGTERM', () => process.exit(0))

function answerTo(method: string, url: string, text: string): Json | undefined {
  const [path = '', query = ''] = url.split('?')
  const params = qs.parse(method === 'GET' ? query : text) as Json
  if (path === '/made') return madeCounts()
  if (method === 'GET') {
    if (templates.lists[path] !== undefined) return templates.lists[path]
    const object = objects.get(path.split('/').at(-1) ?? '')
    if (object === undefined) return undefined
    const card = objects.get(object.payment_method)
    return [params.expand].flat().includes('payment_method') && card
      ? { ...object, payment_method: card }
      : object
  }
  if (path === '/v1/customers')
    return make('customer', 'cus', { email: params.email, name: params.name }, params)
  if (path === '/v1/setup_intents') return makeSetupIntent(params)
  if (path === '/v1/subscriptions') return makeSubscription(params)
  const object = objects.get(path.split('/').at(-1) ?? '')
  return object
}

function make(type: string, prefix: string, values: Json, params: Json): Json {
  const object = {
    ...templates[type as 'customer'],
    id: newId(prefix),
    ...values,
    metadata: params.metadata ?? {},
  }
  objects.set(object.id, object)
  const owner = `${type} ${params.metadata?.tenant_id ?? params.customer}`
  madeFor.set(owner, (madeFor.get(owner) ?? 0) + 1)
  return object
}

/** The person types the card in at once: the next look finds it confirmed. */
function makeSetupIntent(params: Json): Json {
  const card = { ...templates.payment_method, id: newId('pm'), customer: params.customer }
  objects.set(card.id, card)
  const id = newId('seti')
  const intent = make(
    'setup_intent',
    'seti',
    { id, customer: params.customer, client_secret: `${id}_secret_x` },
    params,
  )
  objects.set(id, {
    ...templates.confirmed,
    id,
    customer: params.customer,
    metadata: intent.metadata,
    payment_method: card.id,
  })
  return intent
}

function makeSubscription(params: Json): Json {
  const id = newId('sub')
  const items = {
    ...templates.subscription.items,
    data: templates.subscription.items.data.map((item: Json) => ({
      ...item,
      id: newId('si'),
      subscription: id,
    })),
  }
  const invoice = templates.subscription.latest_invoice
  return make(
    'subscription',
    'sub',
    {
      id,
      customer: params.customer,
      default_payment_method: params.default_payment_method ?? null,
      items,
      latest_invoice:
        typeof invoice === 'object' && invoice !== null
          ? { ...invoice, id: newId('in'), customer: params.customer }
          : null,
    },
    params,
  )
}

function madeCounts(): Json {
  const counts = { made: 0, twice: 0 }
  for (const times of madeFor.values()) {
    counts.made += times
    counts.twice += times - 1
  }
  return counts
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}

/** One onboarding at the sandbox, as its answers. */
async function recordTemplates() {
  const sandbox = await startSandbox({ file: ':memory:' })
  const ask = async (method: string, path: string, params?: Json): Promise<Json> => {
    const answer = await fetch(`${sandbox.url}${path}`, {
      method,
      headers: { authorization: 'Bearer sk_test_of_the_benchmark', 'stripe-version': '2026-10-28.endive' },
      ...(params && { body: new URLSearchParams(params) }),
    })
    const body = (await answer.json()) as Json
    if (!answer.ok) throw new Error(`${path}: ${JSON.stringify(body)}`)
    return body
  }
  const lists: Record<string, Json> = {}
  for (const name of ['products', 'prices', 'coupons', 'promotion_codes'])
    lists[`/v1/${name}`] = await ask(
      'GET',
      `/v1/${name}?limit=100${name === 'prices' ? '&type=recurring' : ''}`,
    )
  for (const name of ['events', 'invoices', 'charges', 'invoiceitems', 'payment_methods'])
    lists[`/v1/${name}`] = { object: 'list', data: [], has_more: false, url: `/v1/${name}` }
  const customer = await ask('POST', '/v1/customers', { email: 'a@b.example', name: 'A' })
  const setup_intent = await ask('POST', '/v1/setup_intents', { customer: customer.id })
  const confirmed = await ask('POST', `/v1/setup_intents/${setup_intent.id}/confirm`, {
    payment_method: 'pm_card_visa',
    return_url: 'http://localhost/',
  })
  const payment_method = await ask('GET', `/v1/payment_methods/${confirmed.payment_method}`)
  const subscription = await ask('POST', '/v1/subscriptions', {
    customer: customer.id,
    'items[0][price]': 'price_enterprise_monthly',
    default_payment_method: confirmed.payment_method,
    trial_period_days: '14',
    'expand[0]': 'latest_invoice.confirmation_secret',
  })
  await sandbox.close()
  return { lists, customer, setup_intent, confirmed, payment_method, subscription }
}
