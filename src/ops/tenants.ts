import { type RawBuilder, sql } from 'kysely'
import { z } from 'zod'
import { unchargedOf } from '../charges/uncharged.ts'
import type { AppContext } from '../context.ts'
import { cents, tableRow, timeOut } from '../db/fields.ts'
import { type Page, type PageQuery, pageOf } from '../db/page.ts'
import type { Reader, Row } from '../db/tables.ts'
import { NotFound } from '../errors.ts'
import { usageTypes } from '../log/facts.ts'
import { erasedTenants, knownTenants } from '../projections/tenants.ts'
import { accessIn, TenantAccess } from '../views/access.ts'
import { findCustomer } from '../views/customer.ts'
import { BillingStatus, standingOf } from '../views/status.ts'
import { isLive } from '../views/subscriptions.ts'
import { Delinquent, delinquentOf } from './delinquents.ts'
import { listSessions, SessionListing } from './sessions.ts'
import { monthsOf, TenantMonth } from './tenant-months.ts'
import { UsageDay, usageByDay } from './usage-by-day.ts'

/** The subscription is the live one, or the last one. `created_at`: when the tenant was first heard of. */
export const TenantListing = z
  .object({
    tenant_id: z.string(),
    email: z.string().nullable(),
    name: z.string().nullable(),
    company_name: z.string().nullable(),
    subscription_status: z.string().nullable(),
    plan_id: z.string().nullable(),
    sessions: z.int(),
    /** Since then nothing personal is kept of it. */
    erased_at: timeOut.nullable(),
    created_at: timeOut,
  })
  .meta({ id: 'AdminTenant' })
export type TenantListing = z.infer<typeof TenantListing>

/**
 * Newest first. @param query part of a tenant's id, of its e-mail, name or company, or of an invoice's number; or the
 * beginning of the id of a session of it, or of its customer, subscription or invoice at Stripe; in any case
 * @throws InvalidRequest on `cursor`
 */
export async function listTenants(
  reader: Reader,
  query: string | undefined,
  pageQuery: PageQuery,
): Promise<Page<TenantListing>> {
  let tenants = reader
    .selectFrom(
      reader
        .selectFrom('onboarding_sessions')
        .select(['tenant_id', 'created_at'])
        .unionAll(reader.selectFrom('billing_customers').select(['tenant_id', 'created_at']))
        .as('either'),
    )
    .select((eb) => ['tenant_id', eb.fn.min('created_at').as('created_at')])
    .groupBy('tenant_id')
  if (query !== undefined) tenants = tenants.where(found(query))
  const page = await pageOf(
    reader.selectFrom(tenants.as('tenants')).selectAll(),
    pageQuery,
    'tenant_id',
    (row) => row,
  )
  const ids = page.items.map(({ tenant_id }) => tenant_id)
  if (ids.length === 0) return { items: [], next_cursor: null }
  const of = <T extends { tenant_id: string }>(rows: T[]) => Map.groupBy(rows, (row) => row.tenant_id)
  const people = of(await rowsOf(reader, 'people', ids))
  const subscriptions = of(await rowsOf(reader, 'billing_subscriptions', ids))
  const sessions = of(await rowsOf(reader, 'onboarding_sessions', ids))
  const erased = await erasedTenants(reader, ids)
  const items = page.items.map(({ tenant_id, created_at }) => {
    const [person] = people.get(tenant_id) ?? []
    const ofTenant = (subscriptions.get(tenant_id) ?? []).sort(newestFirst)
    const subscription = ofTenant.find(isLive) ?? ofTenant[0]
    return {
      tenant_id,
      email: person?.email ?? null,
      name: person?.name ?? null,
      company_name: person?.company_name ?? null,
      subscription_status: subscription?.status ?? null,
      plan_id: subscription?.plan_id ?? null,
      sessions: sessions.get(tenant_id)?.length ?? 0,
      erased_at: erased.get(tenant_id) ?? null,
      created_at,
    }
  })
  return { items, next_cursor: page.next_cursor }
}

/** Texts are compared as typed and in small letters: SQLite knows the cases of ASCII alone. */
function found(query: string): RawBuilder<boolean> {
  const typed = query.replaceAll(/[\\%_]/g, '\\$&')
  const like = (column: string, start: '' | '%') => {
    const [as, small] = [`${start}${typed}%`, `${start}${typed.toLowerCase()}%`]
    return sql`(${sql.ref(column)} like ${as} escape '\\' or lower(${sql.ref(column)}) like ${small} escape '\\')`
  }
  const has = (column: string) => like(column, '%')
  const begins = (column: string) => like(column, '')
  return sql<boolean>`(${has('tenant_id')}
    or tenant_id in (select tenant_id from people
      where ${has('email')} or ${has('name')} or ${has('company_name')})
    or tenant_id in (select tenant_id from onboarding_sessions where ${begins('session_id')})
    or tenant_id in (select tenant_id from billing_customers where ${begins('customer_id')})
    or tenant_id in (select tenant_id from billing_subscriptions where ${begins('subscription_id')})
    or tenant_id in (select tenant_id from billing_invoices
      where ${begins('invoice_id')} or ${has('number')}))`
}

/** A type's line, where each type has one. */
const TypeLine = z.object({ usage_type: z.enum(usageTypes), quantity: z.int(), amount_cents: cents })

export const TenantView = z.object({
  tenant_id: z.string(),
  /** As the applicant or Stripe last said. */
  person: tableRow.nullable(),
  /** Since then nothing personal is kept of it. */
  erased_at: timeOut.nullable(),
  status: BillingStatus,
  access: TenantAccess,
  delinquent: Delinquent.nullable(),
  customer: tableRow.nullable(),
  sessions: z.array(SessionListing),
  subscriptions: z.array(tableRow),
  invoices: z.array(tableRow),
  payment_methods: z.array(tableRow),
  usage: z
    .array(UsageDay)
    .meta({ description: 'Of the last 35 days, UTC; days and types without any are left out' }),
  /** Newest first. */
  months: z.array(TenantMonth),
  /** Whenever it occurred. */
  unbilled: z.object({ lines: z.array(TypeLine), amount_cents: cents }),
})
export type TenantView = Omit<
  z.infer<typeof TenantView>,
  'person' | 'customer' | 'subscriptions' | 'invoices' | 'payment_methods'
> & {
  person: Row<'people'> | null
  customer: Row<'billing_customers'> | null
  subscriptions: Row<'billing_subscriptions'>[]
  invoices: Row<'billing_invoices'>[]
  payment_methods: Row<'billing_payment_methods'>[]
}

/** All that is known of a tenant: rows as they stand in the tables, newest first. @throws NotFound */
export async function showTenant(context: AppContext, tenantId: string): Promise<TenantView> {
  const { reader } = context.db
  const erased_at = (await erasedTenants(reader, [tenantId])).get(tenantId) ?? null
  if (erased_at === null && !(await knownTenants(reader, [tenantId])).has(tenantId))
    throw new NotFound('tenant')
  const { items } = await listSessions(reader, { tenantId }, { limit: 100 }, context.now())
  const at = { now: context.now(), accessRules: context.config.accessRules }
  const unbilled = await unchargedOf(reader, tenantId)
  const [person = null] = await rowsOf(reader, 'people', [tenantId])
  return {
    tenant_id: tenantId,
    person,
    erased_at,
    status: await standingOf(context, tenantId),
    access: await accessIn(reader, tenantId, at),
    delinquent: await delinquentOf(reader, tenantId, at),
    customer: (await findCustomer(reader, tenantId)) ?? null,
    sessions: items,
    subscriptions: (await rowsOf(reader, 'billing_subscriptions', [tenantId])).sort(newestFirst),
    invoices: (await rowsOf(reader, 'billing_invoices', [tenantId])).sort(newestFirst),
    payment_methods: (await rowsOf(reader, 'billing_payment_methods', [tenantId])).sort(newestFirst),
    usage: await usageByDay(reader, tenantId, context.now()),
    months: await monthsOf(reader, tenantId),
    unbilled: {
      lines: unbilled,
      amount_cents: unbilled.reduce((sum, { amount_cents }) => sum + amount_cents, 0),
    },
  }
}

type TenantTable =
  | 'people'
  | 'billing_subscriptions'
  | 'billing_invoices'
  | 'billing_payment_methods'
  | 'onboarding_sessions'

async function rowsOf<T extends TenantTable>(
  reader: Reader,
  table: T,
  tenantIds: string[],
): Promise<Row<T>[]> {
  const query = sql<Row<T>>`select * from ${sql.table(table)} where tenant_id in (${sql.join(tenantIds)})`
  return (await query.execute(reader)).rows
}

const newestFirst = (a: { created_at: string }, b: { created_at: string }) =>
  a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : 0
