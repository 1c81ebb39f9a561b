import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { AppContext } from '../../context.ts'
import { tableRow, tenantId } from '../../db/fields.ts'
import { exportForOperator } from '../../ops/export-tenant.ts'
import type { Env } from '../env.ts'
import { route } from '../route.ts'
import { envelope } from '../schemas.ts'
import { callerOf } from './onboarding.ts'

export function adminExportRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()

  app.openapi(show, async (c) => {
    // It is JSON already, and may be long.
    const document = await exportForOperator(context, c.req.valid('param').tenant_id, callerOf(c))
    return c.body(`{"success":true,"data":${document}}`, 200, { 'Content-Type': 'application/json' }) as never
  })

  return app
}

const show = route({
  method: 'get',
  path: '/admin/tenants/{tenant_id}/export',
  tag: 'Operators',
  summary: 'Everything that is kept of a tenant, with its personal data; who takes it is a fact',
  description:
    'Facts and rows of every table, of an erased tenant what is left; for very many facts use the command line. Each time leaves an `operator.tenant_exported` in the stream `operators`.',
  allow: [],
  request: { params: z.object({ tenant_id: tenantId }) },
  response: envelope(
    z.object({
      tenant_id: z.string(),
      exported_at: z.string(),
      position: z.int(),
      erased_at: z.string().nullable(),
      facts: z.array(z.record(z.string(), z.unknown())),
      tables: z.record(z.string(), z.array(tableRow)),
    }),
  ),
})
