import { prepared } from '../db/prepared.ts'
import type { Reader } from '../db/tables.ts'
import { AppError, NotFound } from '../errors.ts'

/** Those of the tenants that exist: they have an onboarding session or a customer, and were not erased. */
export async function knownTenants(reader: Reader, tenantIds: readonly string[]): Promise<Set<string>> {
  const ids = [...new Set(tenantIds)]
  if (ids.length === 0) return new Set()
  const { rows } = await livingTenants(reader, { ids })
  return new Set(rows.map((row) => row.tenant_id))
}

const livingTenants = prepared((db, { ids }: { ids: string[] }) =>
  db
    .selectFrom(
      db
        .selectFrom('onboarding_sessions')
        .select('tenant_id')
        .where('tenant_id', 'in', ids)
        .union(db.selectFrom('billing_customers').select('tenant_id').where('tenant_id', 'in', ids))
        .as('heard_of'),
    )
    .select('tenant_id')
    .where('tenant_id', 'not in', db.selectFrom('erased_tenants').select('tenant_id')),
)

/** Those of the tenants that were erased, and when. */
export async function erasedTenants(
  reader: Reader,
  tenantIds: readonly string[],
): Promise<Map<string, string>> {
  if (tenantIds.length === 0) return new Map()
  const rows = await reader
    .selectFrom('erased_tenants')
    .select(['tenant_id', 'erased_at'])
    .where('tenant_id', 'in', [...new Set(tenantIds)])
    .execute()
  return new Map(rows.map((row) => [row.tenant_id, row.erased_at]))
}

/** @throws NotFound for a tenant that nobody has heard of, and, saying so, for one that was erased */
export async function assertKnownTenant(reader: Reader, tenantId: string): Promise<void> {
  if ((await knownTenants(reader, [tenantId])).has(tenantId)) return
  await assertNotErased(reader, tenantId)
  throw new NotFound('tenant')
}

/**
 * @param refusal `not_found`: there is nothing of it to be read; `conflict`: it must not be made again
 * @throws AppError
 */
export async function assertNotErased(
  reader: Reader,
  tenantId: string,
  refusal: 'not_found' | 'conflict' = 'not_found',
): Promise<void> {
  const erased_at = (await erasedTenants(reader, [tenantId])).get(tenantId)
  if (erased_at === undefined) return
  throw new AppError(refusal, `This tenant was erased at ${erased_at}`, { details: { erased_at } })
}
