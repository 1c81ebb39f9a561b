import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import type { Reply } from '../support/requests.ts'
import { type Service, startService } from '../support/service.ts'
import { returnUrl, settled, wizard } from '../support/wizard.ts'

type Schema = Record<string, unknown>
type Content = Record<string, { schema: Schema; example?: unknown }>
type Operation = {
  operationId: string
  tags: string[]
  summary: string
  requestBody?: { content: Content }
  responses: Record<string, { content?: Content; $ref?: string }>
}
type Document = {
  openapi: string
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; responses: Record<string, { content: Content }> }
}

let service: Service
let document: Document

beforeAll(async () => {
  service = await startService({ webhooks: true })
  document = (await (await service.app.request('/openapi.json')).json()) as Document
})
afterAll(() => service.close())

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )

/** Without references, and with closed objects: a field that a reply has and the document has not is a fault. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (schema === null || typeof schema !== 'object') return schema
  const { $ref, ...rest } = schema as Schema
  if (typeof $ref === 'string') return closed(document.components.schemas[$ref.split('/').at(-1) ?? ''])
  const inner = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, closed(value)]))
  return inner.properties !== undefined &&
    inner.additionalProperties === undefined &&
    inner.allOf === undefined
    ? { ...inner, additionalProperties: false }
    : inner
}

const misfit = (schema: Schema, value: unknown): string | undefined => {
  const { error } = z
    .fromJSONSchema(closed(schema) as Parameters<typeof z.fromJSONSchema>[0])
    .safeParse(value)
  return error && z.prettifyError(error)
}

const jsonOf = ({ $ref, content }: Operation['responses'][string]) =>
  ($ref === undefined ? content : document.components.responses[$ref.split('/').at(-1) ?? '']?.content)?.[
    'application/json'
  ]

test('every operation has a name, a summary, a described tag, its errors, and examples that fit its schemas', () => {
  expect(document.openapi).toBe('3.1.0')
  const described = new Set(
    document.tags.filter(({ description }) => description !== '').map(({ name }) => name),
  )
  const ids = operations().map(({ operation }) => operation.operationId)
  expect(new Set(ids).size).toBe(ids.length)
  const misfits: string[] = []
  for (const { path, method, operation } of operations()) {
    const name = `${method} ${path}`
    expect(operation.summary, name).toMatch(/\S/)
    expect(
      operation.tags.every((tag) => described.has(tag)),
      name,
    ).toBe(true)
    if (path.startsWith('/api/v1/')) expect(Object.keys(operation.responses), name).toContain('503')
    const bodies = [
      operation.requestBody?.content['application/json'],
      jsonOf(operation.responses['200'] ?? {}),
    ]
    for (const body of bodies.filter((each) => each !== undefined)) {
      expect(body.example, name).toBeDefined()
      const problem = misfit(body.schema, body.example)
      if (problem !== undefined) misfits.push(`${name}: ${problem}`)
    }
  }
  expect(misfits).toEqual([])
  for (const { content } of Object.values(document.components.responses))
    expect(
      misfit({ $ref: '#/components/schemas/Error' }, content['application/json']?.example),
    ).toBeUndefined()
})

/** The trial is over, and its usage and the next base are on the draft of the first paid month. */
async function draftOfRenewal(tenantId: string): Promise<string> {
  const { clock } = service.sandbox
  await clock.advanceTo(Math.ceil(clock.nowMs() / 1000) + 14 * 86_400 + 1800)
  const { items } = (await service.request('GET', `/billing/invoices/tenant/${tenantId}`)).body.data
  const draft = items.find(({ status }: { status: string }) => status === 'draft')
  expect(draft.lines).not.toEqual([])
  return draft.invoice_id
}

test('every answer of a run over all routes fits the document', async () => {
  const answered = new Set<string>()
  const asked = async (...request: Parameters<Service['request']>): Promise<Reply> => {
    const reply = await service.request(...request)
    const [method, path] = request
    const found = operations().find(
      (each) =>
        each.method === method.toLowerCase() &&
        new RegExp(`^${each.path.replace(/\{\w+\}/g, '[^/]+')}$`).test(`/api/v1${path.split('?')[0]}`),
    )
    const name = `${found?.method} ${found?.path}`
    const media = jsonOf(found?.operation.responses[reply.status] ?? {})
    expect(media, `${name} answers ${reply.status}`).toBeDefined()
    expect(misfit(media?.schema ?? {}, reply.body), `${name} ${reply.status}`).toBeUndefined()
    if (reply.status === 200) answered.add(name)
    return reply
  }
  const get = (path: string) => asked('GET', path)
  const post = (path: string, body?: object) => asked('POST', path, body)

  const one = wizard({ ...service, request: asked })
  await one.selectPlan()
  await one.to('setupPayment')
  await one.selectPlan()
  await one.confirmCard('pm_card_visa')
  await post('/onboarding/step/preview-plan', {
    session_id: one.of.sessionId,
    plan_id: 'basic',
    price_id: 'price_basic_yearly',
    discount_code: 'LAUNCH50',
  })
  await one.selectPlan({ plan_id: 'basic', price_id: 'price_basic_monthly', discount_code: 'LAUNCH50' })
  await one.show()
  await post('/onboarding/applicant', { session_id: one.of.sessionId, name: 'Ada King' })
  await one.createSubscription()
  await one.complete()
  await one.show()
  await one.cancel()
  await asked('POST', '/onboarding/cancel', { session_id: one.of.sessionId }, { key: 'wrong' })
  const other = wizard({ ...service, request: asked })
  await other.start()
  await other.cancel()

  const { tenantId } = one.of
  for (const path of ['customers', 'subscriptions', 'invoices', 'payment-methods', 'status', 'access'])
    await get(`/billing/${path}/tenant/${tenantId}`)
  await get('/billing/status/tenant/nobody')
  await get('/billing/plans')

  const usage = { tenant_id: tenantId, usage_type: 'case', quantity: 3, metadata: { case_id: 'IR-1' } }
  const recorded = await post('/billing/usage', usage)
  await post('/billing/usage', { ...usage, quantity: 0 })
  await post('/billing/usage/batch', { records: [usage, { ...usage, action: 'set' }] })
  await post(`/billing/usage/${recorded.body.data.record_id}/void`)
  await get(`/billing/usage/tenant/${tenantId}/summary`)
  await get(`/billing/usage/tenant/${tenantId}/records`)

  const tenant = { tenant_id: 'Jeturing_doc', email: 'doc@example.com', name: 'Doc' }
  const customer = await post('/billing/customers', tenant)
  await asked('PATCH', '/billing/customers/tenant/Jeturing_doc', { phone: '+1234567890' })
  for (const path of ['payment-methods/setup', 'portal'])
    await post(`/billing/${path}`, { tenant_id: 'Jeturing_doc', return_url: returnUrl })
  const cardless = {
    tenant_id: 'Jeturing_doc',
    customer_id: customer.body.data.customer_id,
    price_id: 'price_basic_monthly',
  }
  const made = await post('/billing/subscriptions', { ...cardless, trial_period_days: 14 })
  const subscription = `/billing/subscriptions/${made.body.data.subscription_id}`
  await post(`${subscription}/preview-change`, { price_id: 'price_enterprise_monthly' })
  for (const change of ['cancel', 'resume', 'pause']) await post(`${subscription}/preview-change`, { change })
  await post(`${subscription}/change-plan`, { price_id: 'price_enterprise_monthly' })
  for (const verb of ['pause', 'resume', 'cancel']) await post(`${subscription}/${verb}`)

  await post('/billing/discounts', {
    code: 'DOC25',
    percent_off: 25,
    duration: 'repeating',
    duration_in_months: 3,
  })
  await get('/billing/discounts')
  await get('/billing/discounts/DOC25')
  await asked('DELETE', '/billing/discounts/DOC25')
  await get('/billing/discounts/DOC25')

  const invoiceId = await draftOfRenewal(one.of.tenantId)
  for (const verb of ['retry', 'void', 'rebill']) await post(`/billing/invoices/${invoiceId}/${verb}`)
  const { id } = await service.stripe.invoices.create({ customer: one.of.customerId, currency: 'usd' })
  const item = { customer: one.of.customerId, currency: 'usd', amount: 500 }
  await service.stripe.invoiceItems.create({ ...item, invoice: id ?? '' })
  const [card] = (await service.stripe.paymentMethods.list({ customer: one.of.customerId })).data
  const invoice_settings = { default_payment_method: card?.id ?? '' }
  await service.stripe.customers.update(one.of.customerId, { invoice_settings })
  await service.stripe.invoices.finalizeInvoice(id ?? '', { auto_advance: false })
  await settled(service)
  await post(`/billing/invoices/${id}/retry`)
  await get(`/billing/invoices/tenant/${tenantId}`)

  const left = operations()
    .filter(({ operation }) => !['Operators', 'Service', 'Webhooks'].includes(operation.tags[0] ?? ''))
    .filter(({ operation }) => jsonOf(operation.responses['200'] ?? {}) !== undefined)
    .map(({ method, path }) => `${method} ${path}`)
    .filter((name) => !answered.has(name))
  expect(left).toEqual([])
})
