import type Stripe from 'stripe'
import { invalidRequest, missing } from '../objects/errors.ts'
import { newId, randomLetters } from '../objects/ids.ts'
import { listPage } from '../objects/lists.ts'
import {
  clearable,
  listOf,
  mergeMetadata,
  metadata,
  pagination,
  type ShapeOf,
  text,
  yesNo,
} from '../objects/parameters.ts'
import { route } from '../objects/routes.ts'
import { apiVersion, mustFind } from '../objects/turn.ts'

const createShape = {
  api_version: text.optional(),
  description: clearable.optional(),
  enabled_events: listOf(text).optional(),
  metadata: metadata.optional(),
  url: text,
} satisfies ShapeOf<Stripe.WebhookEndpointCreateParams>

const updateShape = {
  description: clearable.optional(),
  disabled: yesNo.optional(),
  enabled_events: listOf(text).optional(),
  metadata: metadata.optional(),
  url: text.optional(),
} satisfies ShapeOf<Stripe.WebhookEndpointUpdateParams>

export const webhookEndpointRoutes = [
  route('POST /v1/webhook_endpoints', createShape, (call) => {
    const { api_version: version, description, enabled_events: events, metadata: given, url } = call.params
    if (!events?.length) throw missing('enabled_events')
    checkUrl(url)
    if (version !== undefined && version !== apiVersion)
      throw invalidRequest(`Invalid API version: the sandbox plays ${apiVersion}.`, { param: 'api_version' })
    const id = newId('we')
    const secret = `whsec_${randomLetters(32)}`
    call.store.hide(id, { secret })
    const endpoint = call.store.save({
      id,
      object: 'webhook_endpoint',
      api_version: version ?? null,
      application: null,
      created: call.now,
      description: description ?? null,
      enabled_events: events,
      livemode: false,
      metadata: given ?? {},
      status: 'enabled',
      url,
    })
    // The secret is told this once.
    return { ...endpoint, secret }
  }),
  route('GET /v1/webhook_endpoints', pagination, (call) =>
    listPage(call, 'webhook_endpoint', '/v1/webhook_endpoints', call.params),
  ),
  route('GET /v1/webhook_endpoints/:id', {}, (call) => mustFind(call, 'webhook_endpoint', call.id)),
  route('POST /v1/webhook_endpoints/:id', updateShape, (call) => {
    const endpoint = mustFind(call, 'webhook_endpoint', call.id)
    const { description, disabled, enabled_events: events, metadata: given, url } = call.params
    if (url !== undefined) checkUrl(url)
    return call.store.save({
      ...endpoint,
      description: description === undefined ? endpoint.description : description,
      enabled_events: events ?? endpoint.enabled_events,
      metadata: mergeMetadata(endpoint.metadata, given),
      status: disabled === undefined ? endpoint.status : disabled ? 'disabled' : 'enabled',
      url: url ?? endpoint.url,
    })
  }),
  route('DELETE /v1/webhook_endpoints/:id', {}, (call) => {
    const endpoint = mustFind(call, 'webhook_endpoint', call.id)
    const stub = {
      id: endpoint.id,
      object: 'webhook_endpoint',
      deleted: true,
    } satisfies Stripe.DeletedWebhookEndpoint
    call.store.remove(endpoint, stub)
    return stub
  }),
]

function checkUrl(url: string): void {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw invalidRequest('Invalid URL: An explicit scheme (such as https) must be provided.', {
      code: 'url_invalid',
      param: 'url',
    })
}
