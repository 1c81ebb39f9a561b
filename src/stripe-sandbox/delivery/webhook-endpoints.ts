import type Stripe from 'stripe'
import { invalidRequest, missing } from '../objects/errors.ts'
import { newId, randomLetters } from '../objects/ids.ts'
import * as p from '../objects/parameters.ts'
import { resource } from '../objects/resource.ts'
import { apiVersion } from '../objects/turn.ts'
import { isEventType } from './event-types.ts'

const enabledEvents = p.listOf(p.text.refine(isEventType, 'there is no such type of event'))

const updateShape = {
  description: p.clearable,
  disabled: p.yesNo,
  enabled_events: enabledEvents,
  metadata: p.metadata,
  url: p.text,
} satisfies p.ShapeOf<Stripe.WebhookEndpointUpdateParams>

const createShape = {
  ...p.optional({
    api_version: p.text,
    description: p.clearable,
    enabled_events: enabledEvents,
    metadata: p.metadata,
  } satisfies p.ShapeOf<Stripe.WebhookEndpointCreateParams>),
  url: p.text,
}

const endpoints = resource('webhook_endpoint', '/v1/webhook_endpoints')

export const webhookEndpointRoutes = [
  endpoints.create(createShape, (call) => {
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
  endpoints.list({}),
  endpoints.retrieve(),
  endpoints.update(updateShape, undefined, (call) => {
    const { disabled, ...fields } = call.params
    if (fields.url !== undefined) checkUrl(fields.url)
    return { ...fields, ...(disabled !== undefined && { status: disabled ? 'disabled' : 'enabled' }) }
  }),
  endpoints.remove(),
]

function checkUrl(url: string): void {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw invalidRequest('Invalid URL: An explicit scheme (such as https) must be provided.', {
      code: 'url_invalid',
      param: 'url',
    })
}
