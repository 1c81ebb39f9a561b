import { OpenAPIHono, z } from '@hono/zod-openapi'
import { createKey, createKeyOnce, listKeys, revokeKey } from '../../auth/keys.ts'
import type { AppContext } from '../../context.ts'
import { resourceId, tenantId, timeOut } from '../../db/fields.ts'
import { listOf } from '../../db/page.ts'
import { NotFound } from '../../errors.ts'
import type { Env } from '../env.ts'
import { body, route } from '../route.ts'
import { envelope, success } from '../schemas.ts'

export function adminKeyRoutes({ db, now }: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()

  app.openapi(list, async (c) => {
    const keys = await listKeys(db)
    const items = keys.map(({ key_id, session_id: _, ...key }) => ({ id: key_id, ...key }))
    return c.json(success({ items, next_cursor: null }), 200)
  })

  app.openapi(create, async (c) => {
    const { scope, tenant_id: tenantId = null } = c.req.valid('json')
    const idempotencyKey = c.get('idempotencyKey')
    const wanted = { scope, tenantId, now: now() }
    const made =
      idempotencyKey === undefined
        ? await createKey(db, wanted)
        : await createKeyOnce(db, wanted, { keyId: c.get('caller').keyId, idempotencyKey })
    return c.json(success(made), 200)
  })

  app.openapi(revoke, async (c) => {
    const { id } = c.req.valid('param')
    if (!(await revokeKey(db, id, now()))) throw new NotFound('key')
    return c.json(success({ id, revoked: true as const }), 200)
  })

  return app
}

const scopes = ['admin', 'platform', 'tenant'] as const

const list = route({
  method: 'get',
  path: '/admin/keys',
  tag: 'Operators',
  summary: 'The API keys, without the keys themselves',
  allow: [],
  request: {},
  response: envelope(
    listOf(
      z.object({
        id: z.string(),
        scope: z.string(),
        tenant_id: z.string().nullable(),
        created_at: timeOut,
        expires_at: timeOut.nullable(),
        revoked_at: timeOut.nullable(),
      }),
    ),
  ),
})

const create = route({
  method: 'post',
  path: '/admin/keys',
  tag: 'Operators',
  summary: 'Make a key, which is shown this once',
  allow: [],
  request: { body: body(z.strictObject({ scope: z.enum(scopes), tenant_id: tenantId.optional() })) },
  response: envelope(
    z.object({
      id: z.string(),
      key: z.string().nullable().meta({
        description: 'Shown once: null in the answer to the same request again, under its Idempotency-Key',
      }),
      scope: z.string(),
      tenant_id: z.string().nullable(),
    }),
  ),
})

const revoke = route({
  method: 'post',
  path: '/admin/keys/{id}/revoke',
  tag: 'Operators',
  summary: 'Let nobody in with a key any more',
  allow: [],
  request: { params: z.object({ id: resourceId }) },
  response: envelope(z.object({ id: z.string(), revoked: z.literal(true) })),
})
