import { createRoute, z } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import type { Scope } from '../auth/keys.ts'
import { AppError } from '../errors.ts'
import { allow } from './auth.ts'
import type { Env } from './env.ts'
import { errorEnvelope } from './schemas.ts'

type Request = {
  params?: z.ZodObject
  query?: z.ZodObject
  headers?: z.ZodObject
  body?: { required: boolean; content: { 'application/json': { schema: z.ZodType } } }
}

type RouteOf<M, P, R, S> = {
  method: M
  path: P
  request: R
  responses: { 200: { description: string; content: { 'application/json': { schema: S } } } }
  getRoutingPath(): string
}

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

/**
 * What a tenant may change with its own key: `steps` of its onboarding session, which the session's token may take too,
 * and `usage` that it adds.
 */
const tenantsWrites = { steps: ['tenant', 'session'], usage: ['tenant'] } as const satisfies Record<
  string,
  readonly Scope[]
>

/** A read is for whom it names. A write is never a tenant's, unless it says which of the two it is. */
type Access<M extends Method> = M extends 'get'
  ? { allow: readonly Exclude<Scope, 'admin'>[]; tenants?: never }
  : { allow: readonly 'platform'[]; tenants?: keyof typeof tenantsWrites }

/**
 * A route under /api/v1, as the router, the validators and /openapi.json take it.
 * `allow` names the scopes besides admin that may use it; see `allow` in auth.ts for what that checks.
 * `response` is the whole reply: mostly `envelope(…)`, answered with `c.json(success(…), 200)`.
 */
export function route<M extends Method, const P extends string, R extends Request, S extends z.ZodType>(
  spec: {
    method: M
    path: P
    tag: string
    summary: string
    description?: string
    request: R
    response: S
  } & Access<M>,
): RouteOf<M, P, R, S> {
  const { method, path, tag, summary, description, request, response } = spec
  const ofTenants = spec.tenants === undefined ? [] : tenantsWrites[spec.tenants]
  const scopes: Scope[] = ['admin', ...spec.allow, ...ofTenants]
  const middleware: MiddlewareHandler<Env>[] = [allow(scopes)]
  if (request.body?.required) middleware.push(requireBody)
  return createRoute({
    method,
    path,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    security: [{ ApiKey: [] }, { Bearer: [] }],
    'x-scopes': scopes,
    middleware,
    request: {
      ...request,
      ...(method === 'post' && { headers: idempotencyHeader }),
    },
    responses: {
      200: { description: 'Done', content: { 'application/json': { schema: response } } },
      default: {
        description: 'Refused or failed; `error.code` says why',
        content: { 'application/json': { schema: errorEnvelope } },
      },
    },
  }) as unknown as RouteOf<M, P, R, S>
}

/** A JSON body that must be there. */
export const body = <S extends z.ZodType>(schema: S) => ({
  required: true,
  content: { 'application/json': { schema } },
})

/** A JSON body that may be left out: the schema then sees `{}`. */
export const optionalBody = <S extends z.ZodType>(schema: S) => ({
  required: false,
  content: { 'application/json': { schema } },
})

const requireBody: MiddlewareHandler<Env> = async (c, next) => {
  if (c.get('body') === undefined)
    throw new AppError('malformed_request', 'The body is empty; a JSON object is expected')
  await next()
}

/** Documented here; idempotency.ts is what reads it. */
const idempotencyHeader = z.object({
  'idempotency-key': z
    .string()
    .optional()
    .meta({ description: 'The same key and body answers the same reply; another body is refused (409)' }),
})
