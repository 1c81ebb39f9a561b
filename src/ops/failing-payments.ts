import { z } from 'zod'
import { delinquentInvoices, lateSince } from '../charges/late-invoices.ts'
import { cents, timeOut } from '../db/fields.ts'
import type { Reader } from '../db/tables.ts'
import { factById } from '../log/read.ts'

export const FailingInvoice = z.object({
  invoice_id: z.string(),
  number: z.string().nullable(),
  amount_cents: cents.meta({ description: 'What is left to pay' }),
  currency: z.string(),
  payment_failed_at: timeOut.nullable(),
  due_at: timeOut.nullable().meta({ description: 'The day by which one that was sent was to be paid' }),
  can_retry: z.boolean().meta({ description: 'False for one that was sent, to be paid by a day' }),
})
export type FailingInvoice = z.infer<typeof FailingInvoice>

/** What all tenants owe that could not be collected. */
export async function delinquentCents(reader: Reader, now: Date): Promise<Record<string, number>> {
  const rows = await delinquentInvoices(reader, now)
    .select((eb) => ['currency', eb.fn.sum<number>('amount_remaining_cents').as('sum')])
    .groupBy('currency')
    .execute()
  return Object.fromEntries(rows.map(({ currency, sum }) => [currency, Number(sum)]))
}

/** The open invoices that a tenant is late with, the oldest failure first. */
export async function failingInvoicesOf(
  reader: Reader,
  tenantId: string,
  now: Date,
): Promise<FailingInvoice[]> {
  const rows = await delinquentInvoices(reader, now)
    .where('i.tenant_id', '=', tenantId)
    .select(['invoice_id', 'number', 'amount_remaining_cents as amount_cents', 'currency'])
    .select(['payment_failed_at', 'due_at'])
    .orderBy(lateSince)
    .orderBy('invoice_id')
    .execute()
  return rows.map((invoice) => ({ ...invoice, can_retry: invoice.due_at === null }))
}

/** Of the payment that has failed last: the invoice itself does not say why. */
export async function lastDecline(reader: Reader, tenantId: string): Promise<string | null> {
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
export async function nextAttempt(reader: Reader, tenantId: string, now: Date): Promise<string | null> {
  const ofStripe = await delinquentInvoices(reader, now)
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
