import { z } from 'zod'
import { accesses } from '../../machines/subscription.ts'
import { accessOfTenant } from '../charges/access.ts'
import { cents, timeOut } from '../db/fields.ts'
import { type Page, type PageQuery, pageOf } from '../db/page.ts'
import type { Reader } from '../db/tables.ts'
import { factById } from '../log/read.ts'

/** Who owes what could not be collected. */
export const Delinquent = z
  .object({
    tenant_id: z.string(),
    owed: z
      .array(z.object({ amount_cents: cents, currency: z.string() }))
      .meta({ description: 'What is left of the open invoices whose payment has failed, by currency' }),
    failing_since: timeOut.meta({ description: 'The first failure of the oldest' }),
    failing_for_seconds: z.int(),
    last_decline_code: z.string().nullable(),
    next_attempt_at: timeOut.nullable().meta({ description: "Stripe's, or ours; null: there is none" }),
    access: z.enum(accesses),
    until: timeOut.nullable(),
  })
  .meta({ id: 'AdminDelinquent' })
export type Delinquent = z.infer<typeof Delinquent>

/**
 * The tenants whose payments fail, the latest to begin first, and those past due without one. The first invoice of a subscription that
 * still waits for the customer makes nobody delinquent.
 * @throws InvalidRequest on `cursor`
 */
export function listDelinquents(
  reader: Reader,
  page: PageQuery,
  { now, graceDays }: { now: Date; graceDays: number },
): Promise<Page<Delinquent>> {
  const tenants = reader
    .selectFrom(
      failingInvoices(reader)
        .select(['tenant_id', 'payment_failed_at as since'])
        .$narrowType<{ since: string }>()
        .unionAll(
          reader
            .selectFrom('billing_access')
            .select(['tenant_id', 'failing_since as since'])
            .where('access', '=', 'grace')
            .$narrowType<{ since: string }>(),
        )
        .as('failing'),
    )
    .select((eb) => ['tenant_id', eb.fn.min('since').as('created_at')])
    .groupBy('tenant_id')
    .as('tenants')
  return pageOf(
    reader.selectFrom(tenants).selectAll(),
    page,
    'tenant_id',
    async ({ tenant_id, created_at }): Promise<Delinquent> => {
      const standing = await accessOfTenant(reader, tenant_id, { now: now.toISOString(), graceDays })
      return {
        tenant_id,
        owed: await owedBy(reader, tenant_id),
        failing_since: created_at,
        failing_for_seconds: Math.floor((now.getTime() - Date.parse(created_at)) / 1000),
        last_decline_code: await lastDecline(reader, tenant_id),
        next_attempt_at: await nextAttempt(reader, tenant_id),
        access: standing.access,
        until: standing.until,
      }
    },
  )
}

/** What all tenants owe that could not be collected. */
export async function delinquentCents(reader: Reader): Promise<Record<string, number>> {
  const rows = await failingInvoices(reader)
    .select((eb) => ['currency', eb.fn.sum<number>('amount_remaining_cents').as('sum')])
    .groupBy('currency')
    .execute()
  return Object.fromEntries(rows.map(({ currency, sum }) => [currency, Number(sum)]))
}

const failingInvoices = (reader: Reader) =>
  reader
    .selectFrom('billing_invoices as i')
    .where('i.status', '=', 'open')
    .where('i.payment_failed_at', 'is not', null)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('billing_subscriptions as s')
            .select('s.subscription_id')
            .whereRef('s.subscription_id', '=', 'i.subscription_id')
            .where('s.status', '=', 'incomplete'),
        ),
      ),
    )

async function owedBy(reader: Reader, tenantId: string): Promise<Delinquent['owed']> {
  const rows = await failingInvoices(reader)
    .where('i.tenant_id', '=', tenantId)
    .select((eb) => ['currency', eb.fn.sum<number>('amount_remaining_cents').as('amount_cents')])
    .groupBy('currency')
    .orderBy('currency')
    .execute()
  return rows.map(({ currency, amount_cents }) => ({ amount_cents: Number(amount_cents), currency }))
}

/** Of the payment that has failed last: the invoice itself does not say why. */
async function lastDecline(reader: Reader, tenantId: string): Promise<string | null> {
  const last = await reader
    .selectFrom('stripe_events as e')
    .innerJoin('billing_customers as c', 'c.customer_id', 'e.customer_id')
    .select('e.event_id')
    .where('c.tenant_id', '=', tenantId)
    .where('e.type', '=', 'payment_intent.payment_failed')
    .orderBy('e.created_at', 'desc')
    .orderBy('e.last_position', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (last === undefined) return null
  const { code, decline_code } = (await factById(reader, last.event_id, 'stripe.event_received')).data
  return decline_code ?? code ?? null
}

/** An invoice of our own is tried again by an effect, every other by Stripe. */
async function nextAttempt(reader: Reader, tenantId: string): Promise<string | null> {
  const ofStripe = await failingInvoices(reader)
    .where('i.tenant_id', '=', tenantId)
    .select((eb) => eb.fn.min('i.next_attempt_at').as('at'))
    .executeTakeFirst()
  const own = await reader
    .selectFrom('effects')
    .select((eb) => eb.fn.min('due_at').as('at'))
    .where('tenant_id', '=', tenantId)
    .where('kind', '=', 'pay_invoice')
    .where('status', '=', 'pending')
    .executeTakeFirst()
  return [ofStripe?.at, own?.at].filter((at) => typeof at === 'string').sort()[0] ?? null
}
