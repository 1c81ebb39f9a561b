import { z } from 'zod'
import { type AccessRules, accesses, accessReasons } from '../../machines/subscription.ts'
import { accessOfTenant } from '../charges/access.ts'
import type { AppContext } from '../context.ts'
import { timeOut } from '../db/fields.ts'
import type { Reader } from '../db/tables.ts'
import { lastPosition } from '../log/read.ts'
import { readConsistently } from '../projections/consistent-read.ts'
import { assertKnownTenant } from '../projections/tenants.ts'

/** What a tenant may use, and why. The subscription is that of the last service month, or else the one made last. */
export const TenantAccess = z
  .object({
    tenant_id: z.string(),
    access: z.enum(accesses),
    until: timeOut.nullable().meta({
      description: 'The end of the grace period, or of the paid time of a subscription that ends',
    }),
    reason: z.enum(accessReasons),
    since: timeOut.nullable().meta({ description: 'When it came to be so' }),
    subscription_status: z.string().nullable(),
    plan_id: z.string().nullable(),
    position: z.int().meta({ description: 'Of the last fact in the log that is counted in' }),
  })
  .meta({ id: 'TenantAccess' })
export type TenantAccess = z.infer<typeof TenantAccess>

/** As of now, from the tables alone: works without Stripe. @throws NotFound for a tenant nobody knows */
export function tenantAccess({ db, now, config }: AppContext, tenantId: string): Promise<TenantAccess> {
  return readConsistently(db, async (reader) => {
    await assertKnownTenant(reader, tenantId)
    return accessIn(reader, tenantId, { now: now(), accessRules: config.accessRules })
  })
}

/** As `tenantAccess`, also of a tenant that was erased. */
export async function accessIn(
  reader: Reader,
  tenantId: string,
  { now, accessRules }: { now: Date; accessRules: AccessRules },
): Promise<TenantAccess> {
  const at = { now: now.toISOString(), accessRules }
  const { access, until, reason, since, subscription } = await accessOfTenant(reader, tenantId, at)
  return {
    tenant_id: tenantId,
    access,
    until,
    reason,
    since,
    subscription_status: subscription?.status ?? null,
    plan_id: subscription?.plan_id ?? null,
    position: await lastPosition(reader),
  }
}
