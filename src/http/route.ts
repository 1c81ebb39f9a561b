import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import type { Scope } from '../auth/keys.ts'
import { AppError } from '../errors.ts'
import { allow } from './auth.ts'
import type { ApiCaller, Env } from './env.ts'
import { refusal } from './error-reply.ts'
import { envelope, errorEnvelope, eventStream, success } from './schemas.ts'

type Fields = z.ZodObject
type NoFields = z.ZodObject<Record<never, never>>

/**
 * What a tenant may change with its own key: `steps` of its onboarding session, which the session's token may take too,
 * and `usage` that it adds.
 */
const tenantsWrites = { steps: ['tenant', 'session'], usage: ['tenant'] } as const satisfies Record<
  string,
  readonly Scope[]
>

/** A read is for whom it names. A write is never a tenant's, unless it says which of the two it is. */
type Access =
  | { method: 'get'; allow: readonly Exclude<Scope, 'admin'>[]; tenants?: never }
  | {
      method: 'post' | 'patch' | 'delete'
      allow: readonly 'platform'[]
      tenants?: keyof typeof tenantsWrites
    }

/** A request as its handler gets it: parsed. */
export type Call<P extends Fields, Q extends Fields, B extends z.ZodType> = {
  params: z.output<P>
  query: z.output<Q>
  body: z.output<B>
  by: ApiCaller
  /** The request's own Idempotency-Key. */
  clientKey: string | undefined
  c: Context<Env>
}

/** A route of the API, to be mounted under /api/v1. */
export type Route = (api: OpenAPIHono<Env>) => void

/**
 * An endpoint: what it takes, who may use it, what it answers, and how, for the router and /openapi.json alike.
 * @param spec.allow the scopes besides admin that may use it; see `allow` in auth.ts for what that checks
 * @param spec.body a JSON object; one that may be left out is `{}` to its schema then
 * @param spec.reply what stands in the reply's `data`; of one that `isBare` all of it; or `eventStream`
 * @param handle answers the data, or a whole reply
 */
export function route<
  S extends z.ZodType,
  P extends Fields = NoFields,
  Q extends Fields = NoFields,
  B extends z.ZodType = NoFields,
>(
  spec: {
    path: string
    tag: string
    summary: string
    description?: string
    params?: P
    query?: Q
    body?: B
    isBodyOptional?: boolean
    reply: S
    isBare?: boolean
  } & Access,
  handle: (call: Call<P, Q, B>) => z.output<S> | Response | Promise<z.output<S> | Response>,
): Route {
  const { method, path, params, query, body } = spec
  const isBodyRequired = body !== undefined && !spec.isBodyOptional
  const ofTenants = spec.tenants === undefined ? [] : tenantsWrites[spec.tenants]
  const scopes: Scope[] = ['admin', ...spec.allow, ...ofTenants]

  return (api) => {
    api.openAPIRegistry.registerPath({
      method,
      path,
      tags: [spec.tag],
      summary: spec.summary,
      ...(spec.description !== undefined && { description: spec.description }),
      security: [{ ApiKey: [] }, { Bearer: [] }],
      'x-scopes': scopes,
      request: {
        ...(params && { params }),
        ...(query && { query }),
        ...(body && {
          body: { required: isBodyRequired, content: { 'application/json': { schema: body } } },
        }),
        ...(method === 'post' && { headers: idempotencyHeader }),
      },
      responses: {
        200: { description: 'Done', content: contentOf(spec) },
        default: {
          description: 'Refused or failed; `error.code` says why',
          content: { 'application/json': { schema: errorEnvelope } },
        },
      },
    })
    api.on(method, path.replaceAll(/\{(\w+)\}/g, ':$1'), allow(scopes), async (c) => {
      const given = c.get('body')
      if (isBodyRequired && given === undefined)
        throw new AppError('malformed_request', 'The body is empty; a JSON object is expected')
      const answer = await handle({
        query: parsed('query', query, queryOf(c)),
        params: parsed('param', params, c.req.param()),
        body: parsed('json', body, given ?? {}),
        by: c.get('caller'),
        clientKey: c.get('idempotencyKey'),
        c,
      })
      return answer instanceof Response ? answer : c.json(success(answer), 200)
    })
  }
}

const contentOf = ({ reply, isBare }: { reply: z.ZodType; isBare?: boolean }) =>
  reply === eventStream
    ? {
        'text/event-stream': {
          schema: reply,
          example: 'id: 42\nevent: onboarding.plan_selected\ndata: {"status":"plan_selected"}\n\n',
        },
      }
    : { 'application/json': { schema: isBare ? reply : envelope(reply) } }

/** What a route does not describe, it does not get. */
function parsed<S extends z.ZodType>(target: string, schema: S | undefined, value: unknown): z.output<S> {
  const { data, error } = (schema ?? nothing).safeParse(value)
  if (error !== undefined) throw refusal(target, error)
  return data as z.output<S>
}

const nothing = z.object({})

/** A parameter that comes more than once is a list. */
const queryOf = (c: Context) =>
  Object.fromEntries(
    Object.entries(c.req.queries()).map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
  )

/** Documented here; idempotency.ts is what reads it. */
const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .optional()
    .meta({ description: 'The same key and body answers the same reply; another body is refused (409)' }),
})
