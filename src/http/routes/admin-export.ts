import { z } from 'zod'
import type { AppContext } from '../../context.ts'
import { tenantId } from '../../db/fields.ts'
import { exportForOperator, TenantExport } from '../../ops/export-tenant.ts'
import { route } from '../route.ts'

export const adminExportRoutes = (context: AppContext) => [
  route(
    {
      method: 'get',
      path: '/admin/tenants/{tenant_id}/export',
      tag: 'Operators',
      summary: 'Everything that is kept of a tenant, with its personal data; who takes it is a fact',
      description:
        'Facts and rows of every table, of an erased tenant what is left; for very many facts use the command line. Each time leaves an `operator.tenant_exported` in the stream `operators`.',
      allow: [],
      params: z.object({ tenant_id: tenantId }),
      reply: TenantExport,
    },
    async ({ params, by, c }) => {
      // It is JSON already, and may be long.
      const document = await exportForOperator(context, params.tenant_id, by)
      return c.body(`{"success":true,"data":${document}}`, 200, { 'Content-Type': 'application/json' })
    },
  ),
]
