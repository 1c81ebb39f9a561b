import { z } from 'zod'
import { overLimit } from '../../charges/over-limit.ts'
import type { AppContext } from '../../context.ts'
import { periodEnd, resourceId, tenantId, text, time } from '../../db/fields.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { AppError, InvalidRequest } from '../../errors.ts'
import { assertKnownTenant } from '../../projections/tenants.ts'
import { RecordedUsage, recordUsage, UsageInput, UsageRecord } from '../../usage/record.ts'
import { listUsageRecords, UsageRecordStanding } from '../../usage/records.ts'
import { VoidedUsage, voidUsage } from '../../usage/void.ts'
import { UsageSummary, usageSummary } from '../../views/usage-summary.ts'
import { assertTenant } from '../auth.ts'
import type { ApiCaller } from '../env.ts'
import { route } from '../route.ts'

/** Metering: works without Stripe. */
export function usageRoutes(context: AppContext) {
  const usageInput = UsageInput(context.now)
  const isOverLimit = overLimit(context.db.reader)
  const recorded = (
    { by, clientKey: key }: { by: ApiCaller; clientKey: string | undefined },
    inputs: UsageInput[],
    pathOf: (index: number, field: string) => string,
  ) => {
    const isTenant = by.scope === 'tenant'
    if (isTenant) assertAdded(inputs)
    const whose = isTenant ? ('tenant' as const) : ('platform' as const)
    return recordUsage(context, inputs, { by, whose, key, pathOf })
  }
  const writing = {
    method: 'post',
    tag: 'Usage',
    description: tenantsUsage,
    allow: ['platform'],
    tenants: 'usage',
  } as const

  return [
    route(
      {
        ...writing,
        path: '/billing/usage',
        summary: 'Record usage',
        body: usageInput,
        reply: RecordedUsage,
      },
      async (call) => {
        const [record] = await recorded(call, [call.body], (_index, field) => field)
        if (record === undefined) throw new Error('recordUsage answered nothing for a record')
        return (await isOverLimit(record)) ? { ...record, warning: 'over_limit' as const } : record
      },
    ),
    route(
      {
        ...writing,
        path: '/billing/usage/batch',
        summary: 'Record 1 to 1000 records, all or none',
        body: z.strictObject({ records: z.array(usageInput).min(1).max(1000) }),
        reply: z.object({ records: z.array(UsageRecord) }),
      },
      async (call) => {
        const { records } = call.body
        for (const { tenant_id } of records) assertTenant(call.by, tenant_id)
        return { records: await recorded(call, records, (index, field) => `records.${index}.${field}`) }
      },
    ),
    route(
      {
        method: 'post',
        path: '/billing/usage/{id}/void',
        tag: 'Usage',
        summary: 'Take a record out of every sum',
        description: 'What was charged for it comes back as a credit, on the invoice of the next window end.',
        allow: ['platform'],
        params: z.object({ id: resourceId }),
        body: z.strictObject({ reason: text(500).optional() }),
        isBodyOptional: true,
        reply: VoidedUsage,
      },
      ({ by, params, body: { reason = null } }) => voidUsage(context, { recordId: params.id, reason, by }),
    ),
    route(
      {
        method: 'get',
        path: '/billing/usage/tenant/{tenant_id}/summary',
        tag: 'Usage',
        summary: 'Usage and its price in a period, by default this month (UTC)',
        allow: ['platform', 'tenant'],
        params: z.object({ tenant_id: tenantId }),
        query: Period,
        reply: UsageSummary,
      },
      async ({ params: { tenant_id: tenantId }, query }) => {
        const now = context.now()
        const { period_start: start = monthOf(now, 0), period_end: end = monthOf(now, 1) } = query
        assertPeriod(start, end)
        const { reader } = context.db
        await assertKnownTenant(reader, tenantId)
        return usageSummary(reader, { tenantId, start, end, now })
      },
    ),
    route(
      {
        method: 'get',
        path: '/billing/usage/tenant/{tenant_id}/records',
        tag: 'Usage',
        summary: 'The records of a period, by default of all times, latest first: on which invoice each is',
        allow: ['platform', 'tenant'],
        params: z.object({ tenant_id: tenantId }),
        query: PageQuery.extend(Period.shape),
        reply: listOf(UsageRecordStanding),
      },
      ({ params, query: { period_start: start, period_end: end, ...page } }) => {
        if (start !== undefined && end !== undefined) assertPeriod(start, end)
        return listUsageRecords(context.db.reader, params.tenant_id, { start, end }, page)
      },
    ),
  ]
}

const tenantsUsage =
  "A tenant's own key adds usage: it sets none and records no `platform_base` (403), and its `idempotency_key`s live " +
  "apart from the platform's."

/** Half-open: what occurred at `period_end` is not in it. */
const Period = z.object({
  period_start: time.optional(),
  period_end: periodEnd
    .optional()
    .meta({ param: { description: 'Not part of the period, but for the second hh:mm:59' } }),
})

/** @throws InvalidRequest */
function assertPeriod(start: string, end: string): void {
  if (end <= start) throw new InvalidRequest([{ path: 'period_end', message: 'must be after period_start' }])
}

/** What a tenant records of itself only ever makes its bill larger. @throws AppError forbidden */
function assertAdded(inputs: readonly UsageInput[]): void {
  if (inputs.some(({ action, usage_type }) => action !== 'increment' || usage_type === 'platform_base'))
    throw new AppError(
      'forbidden',
      'A key of the scope tenant adds usage: it cannot set any, nor record platform_base',
    )
}

/** The first instant of this month (0) or the next one (1), UTC. */
const monthOf = (now: Date, offset: number) =>
  new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset)).toISOString()
