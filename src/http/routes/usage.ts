import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { AppContext } from '../../context.ts'
import { cents, metadata, resourceId, tenantId, text, time, timeOut } from '../../db/fields.ts'
import { AppError, InvalidRequest } from '../../errors.ts'
import { usageTypes } from '../../log/facts.ts'
import { assertKnownTenant } from '../../projections/tenants.ts'
import { aheadMs, backMs, quantityProblem, recordUsage, type UsageInput } from '../../usage/record.ts'
import { voidUsage } from '../../usage/void.ts'
import { usageSummary } from '../../views/usage-summary.ts'
import { assertTenant } from '../auth.ts'
import type { Env } from '../env.ts'
import { body, optionalBody, route } from '../route.ts'
import { envelope, success } from '../schemas.ts'
import { callerOf } from './onboarding.ts'

/** Metering: works without Stripe. */
export function usageRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()
  const { recordOne, recordBatch, voidOne, summary } = routes(context)

  const recordAll = (
    c: Context<Env>,
    inputs: UsageInput[],
    pathOf: (index: number, field: string) => string,
  ) => {
    const isTenant = c.get('caller').scope === 'tenant'
    if (isTenant) assertAdded(inputs)
    const whose = isTenant ? ('tenant' as const) : ('platform' as const)
    return recordUsage(context, inputs, { by: callerOf(c), whose, key: c.get('idempotencyKey'), pathOf })
  }

  app.openapi(recordOne, async (c) => {
    const [recorded] = await recordAll(c, [c.req.valid('json')], (_index, field) => field)
    if (recorded === undefined) throw new Error('recordUsage answered nothing for a record')
    return c.json(success(recorded), 200)
  })

  app.openapi(recordBatch, async (c) => {
    const inputs = c.req.valid('json').records
    for (const { tenant_id } of inputs) assertTenant(c.get('caller'), tenant_id)
    const records = await recordAll(c, inputs, (index, field) => `records.${index}.${field}`)
    return c.json(success({ records }), 200)
  })

  app.openapi(voidOne, async (c) => {
    const voided = await voidUsage(context, {
      recordId: c.req.valid('param').id,
      reason: c.req.valid('json').reason ?? null,
      by: callerOf(c),
    })
    return c.json(success(voided), 200)
  })

  app.openapi(summary, async (c) => {
    const { tenant_id } = c.req.valid('param')
    const now = context.now()
    const { period_start = monthOf(now, 0), period_end = monthOf(now, 1) } = c.req.valid('query')
    if (period_end <= period_start)
      throw new InvalidRequest([{ path: 'period_end', message: 'must be after period_start' }])
    const { reader } = context.db
    await assertKnownTenant(reader, tenant_id)
    const period = { tenantId: tenant_id, start: period_start, end: period_end, now }
    return c.json(success(await usageSummary(reader, period)), 200)
  })

  return app
}

/** Requests and replies, for the typed client. */
export type UsageApi = ReturnType<typeof routes>

function routes({ now }: AppContext) {
  const recent = time.refine((value) => {
    const agoMs = now().getTime() - Date.parse(value)
    return agoMs >= -aheadMs && agoMs <= backMs
  }, 'must be at most 5 minutes ahead and 35 days back')
  const usageInput = z
    .strictObject({
      tenant_id: tenantId,
      usage_type: z.enum(usageTypes),
      quantity: z
        .int()
        .min(0)
        // In words: what looks like a phone number is masked in errors.
        .max(1_000_000_000, 'must be at most one billion')
        .meta({ description: 'Of agents and users at most 1,000,000; 0 only with `set`' }),
      action: z.enum(['increment', 'set']).default('increment'),
      occurred_at: recent.optional(),
      idempotency_key: text(255).optional(),
      metadata: metadata.default({}),
    })
    .superRefine((record, { addIssue }) => {
      const message = quantityProblem(record)
      if (message !== undefined) addIssue({ code: 'custom', path: ['quantity'], message })
    })
    .meta({ id: 'UsageInput' })
  return {
    recordOne: route({
      method: 'post',
      path: '/billing/usage',
      tag: 'Usage',
      summary: 'Record usage',
      description: tenantsUsage,
      allow: ['platform'],
      tenants: 'usage',
      request: { body: body(usageInput) },
      response: envelope(usageRecord),
    }),
    recordBatch: route({
      method: 'post',
      path: '/billing/usage/batch',
      tag: 'Usage',
      summary: 'Record 1 to 1000 records, all or none',
      description: tenantsUsage,
      allow: ['platform'],
      tenants: 'usage',
      request: { body: body(z.strictObject({ records: z.array(usageInput).min(1).max(1000) })) },
      response: envelope(z.object({ records: z.array(usageRecord) })),
    }),
    voidOne: route({
      method: 'post',
      path: '/billing/usage/{id}/void',
      tag: 'Usage',
      summary: 'Take a record that is not billed yet out of every sum',
      allow: ['platform'],
      request: {
        params: z.object({ id: resourceId }),
        body: optionalBody(z.strictObject({ reason: text(500).optional() })),
      },
      response: envelope(usageRecord.and(z.object({ voided_at: timeOut }))),
    }),
    summary: route({
      method: 'get',
      path: '/billing/usage/tenant/{tenant_id}/summary',
      tag: 'Usage',
      summary: 'Usage and its price in a period, by default this month (UTC)',
      allow: ['platform', 'tenant'],
      request: {
        params: z.object({ tenant_id: tenantId }),
        query: z.object({ period_start: time.optional(), period_end: time.optional() }),
      },
      response: envelope(usageSummaryReply),
    }),
  }
}

const tenantsUsage =
  "A tenant's own key adds usage: it sets none and records no `platform_base` (403), and its `idempotency_key`s live " +
  "apart from the platform's."

/** What a tenant records of itself only ever makes its bill larger. @throws AppError forbidden */
function assertAdded(inputs: readonly UsageInput[]): void {
  if (inputs.some(({ action, usage_type }) => action !== 'increment' || usage_type === 'platform_base'))
    throw new AppError(
      'forbidden',
      'A key of the scope tenant adds usage: it cannot set any, nor record platform_base',
    )
}

const usageRecord = z
  .object({
    record_id: z.string(),
    tenant_id: z.string(),
    usage_type: z.enum(usageTypes),
    action: z.enum(['increment', 'set']),
    quantity: z.int(),
    occurred_at: timeOut,
    recorded_at: timeOut,
    is_late: z.boolean(),
    idempotency_key: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'UsageRecord' })

const line = z.object({ quantity: z.int(), amount_cents: cents })
const usageSummaryReply = z
  .object({
    tenant_id: z.string(),
    period_start: timeOut,
    period_end: timeOut,
    currency: z.string(),
    usage: z.array(
      line.extend({
        usage_type: z.enum(usageTypes),
        unit_rate_cents: cents,
        per_units: z.int(),
        billed: line,
        unbilled: line,
      }),
    ),
    totals: z.object({ amount_cents: cents, billed_amount_cents: cents, unbilled_amount_cents: cents }),
  })
  .meta({ id: 'UsageSummary' })

/** The first instant of this month (0) or the next one (1), UTC. */
const monthOf = (now: Date, offset: number) =>
  new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset)).toISOString()
