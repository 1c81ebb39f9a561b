import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Service, startService } from '../support/service.ts'

type Parameter = { name: string; in: string; required?: boolean; example?: unknown }
type Operation = {
  tags: string[]
  parameters?: Parameter[]
  requestBody?: { content: Record<string, { example?: unknown }> }
}

let service: Service
beforeEach(async () => {
  service = await startService()
})
afterEach(() => service.close())

test('no example of the OpenAPI document is refused with 400 or 422 when it is sent as it stands', async () => {
  const reply = await service.app.request('/openapi.json')
  const { paths } = (await reply.json()) as { paths: Record<string, Record<string, Operation>> }
  const refused: string[] = []
  let sent = 0
  for (const [path, operations] of Object.entries(paths))
    for (const [method, operation] of Object.entries(operations)) {
      // A signature is of one body, one secret and one minute: it cannot be an example.
      if (operation.tags.includes('Webhooks')) continue
      const { url, init } = requestOf(path, method, operation)
      const { status, body } = await service.app.request(url, init)
      sent += 1
      if (status !== 400 && status !== 422) await body?.cancel()
      else refused.push(`${method} ${url} ${init.body ?? ''}: ${await new Response(body).text()}`)
    }
  expect(refused).toEqual([])
  expect(sent).toBeGreaterThan(50)
})

test('the examples of the six steps and of usage lead to a subscribed tenant, with its own ids in them', async () => {
  const reply = await service.app.request('/openapi.json')
  const { paths } = (await reply.json()) as { paths: Record<string, Record<string, Operation>> }
  const exampleOf = (path: string) =>
    paths[`/api/v1${path}`]?.post?.requestBody?.content['application/json']?.example as object
  const send = async (path: string, own: object = {}) => {
    const { status, body } = await service.request('POST', path, { ...exampleOf(path), ...own })
    expect([path, status, body.error]).toEqual([path, 200, undefined])
    return body.data
  }
  const { session_id, tenant_id } = await send('/onboarding/start')
  await send('/onboarding/step/create-customer', { session_id })
  const { setup_intent_id } = await send('/onboarding/step/setup-payment', { session_id })
  const { return_url } = exampleOf('/onboarding/step/setup-payment') as { return_url: string }
  await service.stripe.setupIntents.confirm(setup_intent_id, { payment_method: 'pm_card_visa', return_url })
  for (const step of ['preview-plan', 'select-plan', 'create-subscription'])
    await send(`/onboarding/step/${step}`, { session_id })
  await send('/onboarding/complete', { session_id })
  await send('/billing/usage', { tenant_id })
  await send('/billing/discounts')
})

/** What `/docs` sends: what is required, and the body. */
function requestOf(path: string, method: string, { parameters = [], requestBody }: Operation) {
  const given = parameters.filter(({ required }) => required)
  const inPath = given.filter((parameter) => parameter.in === 'path')
  const inQuery = given.filter((parameter) => parameter.in === 'query')
  const url = inPath.reduce((url, { name, example }) => url.replace(`{${name}}`, String(example)), path)
  const query = new URLSearchParams(inQuery.map(({ name, example }) => [name, String(example)]))
  const body = requestBody?.content['application/json']?.example
  return {
    url: query.size === 0 ? url : `${url}?${query}`,
    init: {
      method: method.toUpperCase(),
      headers: { 'X-API-Key': 'an-admin-key-of-the-tests' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    },
  }
}
