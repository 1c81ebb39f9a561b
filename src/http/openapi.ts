import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Config } from '../config.ts'
import type { Env } from './env.ts'
import { errorResponses, errorStatusesOf } from './openapi-errors.ts'
import {
  type Components,
  exampleOf,
  exampleOverrides,
  requestExamples,
  type Schema,
} from './openapi-examples.ts'

type Media = { schema: Schema; example?: unknown }
type Operation = {
  operationId?: string
  parameters?: { name: string; required?: boolean; schema: Schema; example?: unknown }[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, { description?: string; content?: Record<string, Media>; $ref?: string }>
}
type Document = {
  paths: Record<string, Record<string, Operation>>
  components: Components & { responses?: object }
}

type DescribedConfig = Pick<Config, 'returnUrlOrigins'>

/** `/openapi.json`, made from the routes themselves: each with an example and with the errors that it can answer. */
export function describeApi(app: OpenAPIHono<Env>, { returnUrlOrigins }: DescribedConfig): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'ApiKey', {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description:
      'A key of the scope admin, platform or tenant (`slk_…`), or the token of one onboarding session (`sls_…`). ' +
      'Each operation names its scopes in `x-scopes`.',
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'Bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'The same keys, as `Authorization: Bearer`.',
  })
  for (const { path, summary, type } of unkeyed)
    app.openAPIRegistry.registerPath({
      method: 'get',
      path,
      tags: ['Service'],
      summary,
      responses: { 200: { description: 'Yes', content: { [type]: { schema: {} } } } },
    })
  let document: object | undefined
  app.get('/openapi.json', (c) => {
    // At the first request, when every route has been mounted.
    document ??= completed(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Stepledger',
          version: '1',
          description: 'Takes a new tenant from sign-up to paying, and bills it from then on.',
          license: { name: 'MIT' },
        },
        servers: [{ url: '/' }],
        tags,
      }) as unknown as Document,
      `${returnUrlOrigins[0] ?? 'https://your-app.com'}/onboarding/complete`,
    )
    return c.json(document)
  })
}

/** @param returnUrl of an origin that this service takes, so that the example can be sent */
function completed(document: Document, returnUrl: string): Document {
  const { components } = document
  components.responses = errorResponses
  for (const [path, operations] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(operations)) {
      const given = { return_url: returnUrl, ...exampleOverrides[`${method} ${path}`] }
      const ofRequest = { given, isRequest: true }
      operation.operationId ??= operationId(method, path)
      // The reference page sends the examples along: what may be left out is left out.
      for (const parameter of operation.parameters ?? [])
        if (parameter.required) parameter.example ??= exampleOf(parameter.schema, components, parameter.name)
      for (const media of Object.values(operation.requestBody?.content ?? {}))
        media.example ??= {
          ...(exampleOf(media.schema, components, '', ofRequest) as object),
          ...requestExamples[`${method} ${path}`],
        }
      for (const [status, { content }] of Object.entries(operation.responses))
        if (status === '200')
          for (const media of Object.values(content ?? {}))
            media.example ??= exampleOf(media.schema, components, '', { given })
      for (const status of errorStatusesOf(method, path))
        operation.responses[status] ??= { $ref: `#/components/responses/Error${status}` }
    }
  return document
}

/** `post /api/v1/onboarding/step/create-customer` is `postOnboardingStepCreateCustomer`. */
function operationId(method: string, path: string): string {
  const words = path.replace('/api/v1', '').match(/[a-z0-9]+/gi) ?? []
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}

/** Routes outside /api/v1 that programs ask. */
const unkeyed = [
  { path: '/health', summary: 'Whether the process lives', type: 'application/json' },
  {
    path: '/health/ready',
    summary: 'Whether database, migrations and Stripe are there; 503 when not',
    type: 'application/json',
  },
  { path: '/metrics', summary: 'Prometheus metrics', type: 'text/plain' },
  { path: '/openapi.json', summary: 'This document', type: 'application/json' },
]

const tags = [
  {
    name: 'Onboarding',
    description:
      'The six steps from sign-up to provisioned. Every reply says in `next_step` and `allowed_events` what may be sent now; repeating a step answers the same again.',
  },
  { name: 'Customers', description: 'A tenant’s one customer at Stripe, for tenants without onboarding.' },
  { name: 'Subscriptions', description: 'A tenant’s one live subscription and what may be done with it.' },
  { name: 'Plans', description: 'What can be subscribed to.' },
  { name: 'Discounts', description: 'Codes that lower a plan’s price, and nothing else on an invoice.' },
  { name: 'Usage', description: 'Metering. Quantities are whole, prices are rounded once per line.' },
  { name: 'Invoices', description: 'A tenant’s invoices as Stripe has them.' },
  { name: 'Payment methods', description: 'A tenant’s cards: brand, last digits, expiry.' },
  { name: 'Status', description: 'Where a tenant stands, in nine fields, without an envelope.' },
  { name: 'Webhooks', description: 'For Stripe. Signed; needs no key.' },
  { name: 'Operators', description: 'What the command line offers, over HTTP. For the scope admin.' },
  { name: 'Service', description: 'For probes and scrapers, without a key.' },
]
