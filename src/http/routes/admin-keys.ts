import { z } from 'zod'
import { createKey, createKeyOnce, KeyView, keyView, listKeys, NewKey, revokeKey } from '../../auth/keys.ts'
import type { AppContext } from '../../context.ts'
import { resourceId, tenantId } from '../../db/fields.ts'
import { listOf } from '../../db/page.ts'
import { NotFound } from '../../errors.ts'
import { route } from '../route.ts'

export const adminKeyRoutes = ({ db, now }: AppContext) => [
  route(
    {
      method: 'get',
      path: '/admin/keys',
      tag: 'Operators',
      summary: 'The API keys, without the keys themselves',
      allow: [],
      reply: listOf(KeyView),
    },
    async () => ({ items: (await listKeys(db)).map(keyView), next_cursor: null }),
  ),
  route(
    {
      method: 'post',
      path: '/admin/keys',
      tag: 'Operators',
      summary: 'Make a key, which is shown this once',
      allow: [],
      body: z.strictObject({
        scope: z.enum(['admin', 'platform', 'tenant']),
        tenant_id: tenantId.optional(),
      }),
      reply: NewKey,
    },
    ({ by: { keyId }, body: { scope, tenant_id: tenantId = null }, clientKey: idempotencyKey }) => {
      const wanted = { scope, tenantId, now: now() }
      return idempotencyKey === undefined
        ? createKey(db, wanted)
        : createKeyOnce(db, wanted, { keyId, idempotencyKey })
    },
  ),
  route(
    {
      method: 'post',
      path: '/admin/keys/{id}/revoke',
      tag: 'Operators',
      summary: 'Let nobody in with a key any more',
      allow: [],
      params: z.object({ id: resourceId }),
      reply: z.object({ id: z.string(), revoked: z.literal(true) }),
    },
    async ({ params: { id } }) => {
      if (!(await revokeKey(db, id, now()))) throw new NotFound('key')
      return { id, revoked: true as const }
    },
  ),
]
