import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { type Service, startService } from '../support/service.ts'

/**
 * Every POST of the interface with one thing wrong at a time: a field missing, of another type, huge, or unknown. The
 * routes come from /openapi.json, so that a new one without an example here fails.
 */

/** A body that is good but for the ids, which nobody has: what is wrong must be found before anything is looked up. */
const examples: Record<string, Record<string, unknown>> = {
  '/onboarding/start': { email: 'a@example.com', name: 'A', company_name: 'A Ltd' },
  '/onboarding/step/create-customer': { session_id: 'unknown' },
  '/onboarding/step/setup-payment': { session_id: 'unknown', return_url: 'http://localhost:8080/x' },
  '/onboarding/step/select-plan': {
    session_id: 'unknown',
    plan_id: 'basic',
    price_id: 'price_basic_monthly',
  },
  '/onboarding/step/preview-plan': {
    session_id: 'unknown',
    plan_id: 'basic',
    price_id: 'price_basic_monthly',
  },
  '/onboarding/step/create-subscription': { session_id: 'unknown' },
  '/onboarding/complete': { session_id: 'unknown' },
  '/onboarding/cancel': { session_id: 'unknown' },
  '/onboarding/applicant': { session_id: 'unknown', email: 'a@example.com' },
  '/billing/customers': { tenant_id: 'Jeturing_1', email: 'a@example.com', name: 'A' },
  '/billing/subscriptions': {
    tenant_id: 'Jeturing_1',
    customer_id: 'cus_unknown',
    price_id: 'price_basic_monthly',
  },
  '/billing/subscriptions/{id}/change-plan': { price_id: 'price_basic_yearly' },
  '/billing/subscriptions/{id}/preview-change': { price_id: 'price_basic_yearly' },
  '/billing/subscriptions/{id}/cancel': { at_period_end: true },
  '/billing/subscriptions/{id}/resume': {},
  '/billing/subscriptions/{id}/pause': {},
  '/billing/usage': { tenant_id: 'Jeturing_1', usage_type: 'case', quantity: 1 },
  '/billing/usage/batch': { records: [{ tenant_id: 'Jeturing_1', usage_type: 'case', quantity: 1 }] },
  '/billing/usage/{id}/void': { reason: 'wrong' },
  '/billing/invoices/{id}/retry': {},
  '/billing/invoices/{id}/void': { reason: 'wrong' },
  '/billing/invoices/{id}/rebill': { reason: 'wrong' },
  '/billing/payment-methods/setup': { tenant_id: 'Jeturing_1', return_url: 'http://localhost:8080/x' },
  '/billing/portal': { tenant_id: 'Jeturing_1', return_url: 'http://localhost:8080/x' },
  '/billing/discounts': { code: 'SUMMER2024', percent_off: 25, duration: 'once' },
}
/** With a raw, signed body instead of fields; or the operators', which have tests of their own. */
const others = /^\/(billing\/webhooks|admin\/.*)$/

type Schema = { properties?: Record<string, unknown>; required?: string[]; $ref?: string }
type Operation = { requestBody?: { content: { 'application/json': { schema: Schema } } } }

let service: Service
beforeAll(async () => {
  service = await startService({ environment: { BILLING_TRIAL_PERIOD_DAYS: '0' } })
})
afterAll(() => service.close())

async function posts(): Promise<[string, Schema][]> {
  const response = await createApp(service.context).request('/openapi.json')
  const document = (await response.json()) as {
    paths: Record<string, { post?: Operation }>
    components: { schemas: Record<string, Schema> }
  }
  const schemaOf = ({ requestBody }: Operation): Schema => {
    const schema = requestBody?.content['application/json'].schema ?? {}
    return schema.$ref === undefined
      ? schema
      : (document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {})
  }
  return Object.entries(document.paths).flatMap(([path, { post }]): [string, Schema][] =>
    post === undefined ? [] : [[path.replace('/api/v1', ''), schemaOf(post)]],
  )
}

/** How many rows each table has. */
async function counts(): Promise<Record<string, number>> {
  const tables = [
    'billing_events',
    'effects',
    'onboarding_sessions',
    'billing_customers',
    'api_keys',
    'idempotency_keys',
  ] as const
  const entries = tables.map(async (table) => {
    const rows = await service.context.db.reader
      .selectFrom(table)
      .select((eb) => eb.fn.countAll().as('n'))
      .execute()
    return [table, Number(rows[0]?.n)] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

const huge = 'x'.repeat(20_000)

test('every POST has an example here', async () => {
  const paths = (await posts()).map(([path]) => path).filter((path) => !others.test(path))
  expect(paths.filter((path) => examples[path] === undefined)).toEqual([])
  expect(paths.length).toBeGreaterThan(15)
})

test('a missing, mistyped, huge or unknown field is refused by its name, and nothing is stored', async () => {
  const before = await counts()
  for (const [path, schema] of await posts()) {
    const good = examples[path]
    if (good === undefined) continue
    const send = (body: object) =>
      service.request('POST', path.replace('{id}', 'sub_unknown'), body, {
        headers: { 'Idempotency-Key': `bad ${path}` },
      })
    const refused = async (body: object, field: string, what: string) => {
      const reply = await send(body)
      expect(reply.status, `${path}: ${what} ${field}: ${JSON.stringify(reply.body)}`).toBe(422)
      expect(reply.body.error.code).toBe('invalid_request')
      const named = reply.body.error.details.fields.map((problem: { path: string }) => problem.path)
      expect(named, `${path}: ${what} ${field}`).toContain(field)
    }
    await refused({ ...good, surprise: 1 }, 'surprise', 'unknown')
    const polluted = `{"__proto__":{"a":1}${Object.keys(good).length > 0 ? ',' : ''}${JSON.stringify(good).slice(1)}`
    await refused(JSON.parse(polluted), '__proto__', 'unknown')
    for (const field of schema.required ?? []) {
      const { [field]: _, ...without } = good
      await refused(without, field, 'missing')
    }
    for (const field of Object.keys(good)) {
      await refused({ ...good, [field]: { an: 'object' } }, field, 'mistyped')
      await refused({ ...good, [field]: null }, field, 'null')
      await refused({ ...good, [field]: huge }, field, 'huge')
    }
  }
  expect(await counts()).toEqual(before)
})

test('a NUL or half an emoji in any text, its name or its metadata is refused by its path, and nothing is stored', async () => {
  const before = await counts()
  for (const [path] of await posts()) {
    const good = examples[path]
    if (good === undefined) continue
    const refused = async (body: object, field: string) => {
      const reply = await service.request('POST', path.replace('{id}', 'sub_unknown'), body)
      expect(reply.status, `${path}: ${field}: ${JSON.stringify(reply.body)}`).toBe(422)
      const named = reply.body.error.details.fields.map((problem: { path: string }) => problem.path)
      expect(named, path).toContain(field)
    }
    for (const bad of ['ACME \0', 'ACME 🚀'.slice(0, 6), '\udc00 ACME']) {
      for (const [field, value] of Object.entries(good))
        if (typeof value === 'string') await refused({ ...good, [field]: bad }, field)
      await refused({ ...good, metadata: { deep: [{ text: bad }] } }, 'metadata.deep.0.text')
      await refused({ ...good, metadata: { [bad]: 1 } }, `metadata.${bad.toWellFormed()}`)
    }
  }
  expect(await counts()).toEqual(before)
})

test.each([
  ['blanks', ' \u00a0\u2003'],
  ['zero-width characters', '\u200b\u200c\u200d\u2060\ufeff'],
  ['marks of direction', '\u200e\u202e'],
  ['fillers', '\u3164\u115f\u00ad\u2800'],
])('a name of nothing but %s is refused', async (_what, blank) => {
  const before = await counts()
  for (const field of ['name', 'company_name']) {
    const body = { ...examples['/onboarding/start'], [field]: blank }
    const reply = await service.request('POST', '/onboarding/start', body)
    expect(reply.status).toBe(422)
    expect(reply.body.error.details.fields[0].path).toBe(field)
  }
  expect(await counts()).toEqual(before)
})

test('a name with joiners in it is a name, and a phone number is as long as Stripe takes', async () => {
  for (const name of ['علی‌رضا', 'क्‍ष', '👩‍👩‍👧‍👦 & Söhne', '株式会社ﾃｽﾄ']) {
    const body = {
      email: 'a@example.com',
      name,
      company_name: name,
      phone: '+12345678901234567890'.slice(0, 20),
    }
    expect((await service.request('POST', '/onboarding/start', body)).status, name).toBe(200)
  }
  const body = { ...examples['/onboarding/start'], phone: '+12345678901234567890' }
  const reply = await service.request('POST', '/onboarding/start', body)
  expect([reply.status, reply.body.error.details.fields[0].path]).toEqual([422, 'phone'])
})

test.each([
  ['not JSON', '{"session_id":', 400],
  ['an array', '[]', 400],
  ['a number', '1', 400],
  ['nothing', '', 400],
  ['100,000 levels', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, 400],
  ['over 64 KiB', JSON.stringify({ session_id: 'x'.repeat(70_000) }), 413],
])('a body that is %s is refused on every POST, and nothing is stored', async (_what, body, status) => {
  const before = await counts()
  for (const [path] of await posts()) {
    const good = examples[path]
    if (good === undefined || path === '/billing/usage/batch') continue
    const mayBeEmpty =
      body === '' && /\/(cancel|resume|pause|void|retry|rebill)$/.test(path) && path.includes('{id}')
    if (mayBeEmpty) continue
    const reply = await service.request('POST', path.replace('{id}', 'sub_unknown'), body)
    expect(reply.status, `${path}: ${JSON.stringify(reply.body)}`).toBe(status)
  }
  expect(await counts()).toEqual(before)
})
