import { z } from 'zod'
import { type AccessRules, accesses, lateStatuses } from '../../machines/subscription.ts'
import { accessOfTenant } from '../charges/access.ts'
import { delinquentInvoices, lateSince } from '../charges/late-invoices.ts'
import { cents, timeOut } from '../db/fields.ts'
import { type Page, type PageQuery, pageOf } from '../db/page.ts'
import type { Reader } from '../db/tables.ts'
import { FailingInvoice, failingInvoicesOf, lastDecline, nextAttempt } from './failing-payments.ts'

/** Who owes what could not be collected. */
export const Delinquent = z
  .object({
    tenant_id: z.string(),
    owed: z
      .array(z.object({ amount_cents: cents, currency: z.string() }))
      .meta({ description: 'What is left of the invoices below, by currency' }),
    failing_since: timeOut.meta({
      description: 'The first failure of the oldest, or the day by which it was to be paid',
    }),
    failing_for_seconds: z.int(),
    last_decline_code: z.string().nullable(),
    next_attempt_at: timeOut.nullable().meta({ description: "Stripe's, or ours; null: there is none" }),
    access: z.enum(accesses),
    since: timeOut.nullable().meta({ description: 'When the access came to be so' }),
    until: timeOut.nullable(),
    invoices: z.array(FailingInvoice).meta({
      description:
        'The open invoices whose payment has failed, or that were sent and are past their day, the oldest failure first',
    }),
  })
  .meta({ id: 'AdminDelinquent' })
export type Delinquent = z.infer<typeof Delinquent>

/**
 * The tenants that are late with an invoice, the latest to begin first, and those past due without one. The first invoice of a subscription that
 * still waits for the customer makes nobody delinquent.
 * @throws InvalidRequest on `cursor`
 */
export function listDelinquents(reader: Reader, page: PageQuery, at: At): Promise<Page<Delinquent>> {
  return pageOf(reader.selectFrom(failingTenants(reader, at.now)).selectAll(), page, 'tenant_id', (row) =>
    shown(reader, row, at),
  )
}

/** The one tenant, as in the list. Null: nothing is owed that could not be collected. */
export async function delinquentOf(reader: Reader, tenantId: string, at: At): Promise<Delinquent | null> {
  const row = await reader
    .selectFrom(failingTenants(reader, at.now))
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .executeTakeFirst()
  return row === undefined ? null : shown(reader, row, at)
}

type At = { now: Date; accessRules: AccessRules }

/** `created_at`: since when payments fail. */
const failingTenants = (reader: Reader, now: Date) =>
  reader
    .selectFrom(
      delinquentInvoices(reader, now)
        .select(['tenant_id', lateSince.as('since')])
        .unionAll(
          reader
            .selectFrom('billing_access as a')
            .select(['tenant_id', 'failing_since as since'])
            .where('failing_since', 'is not', null)
            // What was recorded of who has nothing left to lose stays as it is when nothing is owed any more.
            .where((eb) =>
              eb.exists(
                eb
                  .selectFrom('billing_subscriptions as s')
                  .select('s.subscription_id')
                  .whereRef('s.tenant_id', '=', 'a.tenant_id')
                  .where('s.status', 'in', lateStatuses),
              ),
            )
            .$narrowType<{ since: string }>(),
        )
        .as('failing'),
    )
    .select((eb) => ['tenant_id', eb.fn.min('since').as('created_at')])
    .groupBy('tenant_id')
    .as('tenants')

async function shown(
  reader: Reader,
  { tenant_id, created_at }: { tenant_id: string; created_at: string },
  { now, accessRules }: At,
): Promise<Delinquent> {
  const { access, since, until } = await accessOfTenant(reader, tenant_id, {
    now: now.toISOString(),
    accessRules,
  })
  const invoices = await failingInvoicesOf(reader, tenant_id, now)
  return {
    tenant_id,
    owed: sumsOf(invoices),
    failing_since: created_at,
    failing_for_seconds: Math.floor((now.getTime() - Date.parse(created_at)) / 1000),
    last_decline_code: await lastDecline(reader, tenant_id),
    next_attempt_at: await nextAttempt(reader, tenant_id, now),
    access,
    since,
    until,
    invoices,
  }
}

function sumsOf(invoices: FailingInvoice[]): Delinquent['owed'] {
  const groups = [...Map.groupBy(invoices, ({ currency }) => currency)].sort()
  return groups.map(([currency, some]) => ({
    amount_cents: some.reduce((sum, { amount_cents }) => sum + amount_cents, 0),
    currency,
  }))
}
