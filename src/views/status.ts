import { z } from 'zod'
import { hasEnded, isLate, isUsable } from '../../machines/subscription.ts'
import { delinquentInvoices, outstandingCents } from '../charges/late-invoices.ts'
import { nextInvoiceCents } from '../charges/next-invoice.ts'
import type { AppContext } from '../context.ts'
import { cents, timeOut } from '../db/fields.ts'
import type { Reader, Row } from '../db/tables.ts'
import { assertKnownTenant } from '../projections/tenants.ts'
import { isExpired } from './cards.ts'
import { findCustomer } from './customer.ts'
import { latestSubscription, type SubscriptionRow } from './subscriptions.ts'

/** `has_active_subscription`: what was bought may be used. The subscription is the live one, or the last one. */
export const BillingStatus = z
  .object({
    tenant_id: z.string(),
    customer_id: z.string().nullable(),
    has_active_subscription: z.boolean(),
    subscription_status: z.string().nullable(),
    trial_ends_at: timeOut.nullable(),
    current_period_end: timeOut.nullable(),
    is_delinquent: z.boolean().meta({
      description:
        'A payment of an open invoice has failed, or the day by which it was to be paid is over; or the subscription is past due or unpaid',
    }),
    outstanding_balance_cents: cents.meta({
      description:
        'What is left to pay of the open invoices of which a payment has failed, or the day by which they were to be paid is over',
    }),
    next_invoice_amount_cents: cents.nullable().meta({
      description: 'Plan after discount, platform base and unbilled usage; null: no next invoice',
    }),
    payment_method_configured: z.boolean(),
  })
  .meta({ id: 'BillingStatus' })
export type BillingStatus = z.infer<typeof BillingStatus>

/** Where a tenant stands, from the tables alone: works without Stripe. @throws NotFound for a tenant nobody knows */
export async function billingStatus(context: AppContext, tenantId: string): Promise<BillingStatus> {
  await assertKnownTenant(context.db.reader, tenantId)
  return standingOf(context, tenantId)
}

/** As `billingStatus`, also of a tenant that was erased. */
export async function standingOf(context: AppContext, tenantId: string): Promise<BillingStatus> {
  const { reader } = context.db
  const customer = await findCustomer(reader, tenantId)
  const subscription = await latestSubscription(reader, tenantId)
  const now = context.now()
  return {
    tenant_id: tenantId,
    customer_id: customer?.customer_id ?? null,
    has_active_subscription: subscription !== undefined && isUsable(subscription.status),
    subscription_status: subscription?.status ?? null,
    trial_ends_at: subscription?.trial_ends_at ?? null,
    current_period_end: subscription?.current_period_end ?? null,
    is_delinquent:
      (subscription !== undefined && isLate(subscription.status)) ||
      (await isLateWithInvoice(reader, tenantId, now)),
    outstanding_balance_cents: await outstandingCents(reader, tenantId, now),
    next_invoice_amount_cents: await nextInvoiceCents(reader, tenantId),
    payment_method_configured: await isCardThere(reader, customer, subscription, now),
  }
}

async function isLateWithInvoice(reader: Reader, tenantId: string, now: Date): Promise<boolean> {
  const late = await delinquentInvoices(reader, now)
    .where('i.tenant_id', '=', tenantId)
    .select('i.invoice_id')
    .limit(1)
    .executeTakeFirst()
  return late !== undefined
}

/**
 * Whether the next payment has something to be made with: the live subscription's payment method, or else the customer's default,
 * unless it is known to be removed, or has expired; while there is no subscription, any that is attached, because one can be begun
 * with it.
 */
async function isCardThere(
  reader: Reader,
  customer: Row<'billing_customers'> | undefined,
  subscription: SubscriptionRow | undefined,
  now: Date,
): Promise<boolean> {
  if (customer === undefined) return false
  const methods = await reader
    .selectFrom('billing_payment_methods')
    .select(['payment_method_id', 'detached_at', 'exp_month', 'exp_year'])
    .where('tenant_id', '=', customer.tenant_id)
    .execute()
  const isGood = (method: (typeof methods)[number] | undefined) =>
    method === undefined || (method.detached_at === null && !isExpired(method, now))
  const rowOf = (id: string) => methods.find(({ payment_method_id }) => payment_method_id === id)
  const isLive = subscription !== undefined && !hasEnded(subscription.status)
  // Stripe takes the first that is there, and looks no further where its bank says no.
  const named = [isLive ? subscription.default_payment_method_id : null, customer.default_payment_method_id]
    .filter((id) => id !== null)
    .find((id) => rowOf(id)?.detached_at == null)
  if (named !== undefined && isGood(rowOf(named))) return true
  return !isLive && methods.some(isGood)
}
