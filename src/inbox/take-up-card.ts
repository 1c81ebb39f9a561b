import { dueStatuses } from '../../machines/invoice.ts'
import { endedStatuses } from '../../machines/subscription.ts'
import { isErased } from '../db/seals.ts'
import type { Trx } from '../db/tables.ts'
import { cardKey } from '../effects/invoice-card.ts'
import { operationStream, type Request, recordRequest } from '../effects/operation.ts'
import { renewCards } from '../effects/payment-retries.ts'
import type { Turn } from '../effects/turn.ts'
import type { Operation } from '../log/facts.ts'
import type { Sighting } from '../log/sighting.ts'
import { isoTime } from '../projections/projection.ts'
import { idOf, memberOf, textOf } from '../projections/read-value.ts'
import { keyInMetadata } from '../stripe/call.ts'

/**
 * A card that a paying tenant has confirmed (`billing/set-up-card.ts`) becomes the default of its customer, of the live
 * subscription and of our own invoices that are not settled; what is open and collected automatically is paid with it at once.
 * Each is an operation under a key of the SetupIntent's, asked for in this one turn: once, whatever comes twice. What Stripe
 * refuses, a payment too, leaves things as they are.
 */
export async function takeUpCard(turn: Turn, sighting: Sighting): Promise<void> {
  const { object, objectId, tenantId, isDeleted } = sighting
  const card = idOf(memberOf(object, 'payment_method'))
  if (tenantId === null || isDeleted || card === null || memberOf(object, 'status') !== 'succeeded') return
  if (!(await isForBilling(turn.trx, tenantId, sighting)) || (await isErased(turn.trx, tenantId))) return
  const customerId = await customerOf(turn.trx, tenantId)
  if (customerId === undefined || customerId !== idOf(memberOf(object, 'customer'))) return

  const worker = turn.as({ actor: 'worker' })
  const ask = async (operation: Operation, call: Request['call'], targetId: string, params: object) => {
    const key = cardKey(tenantId, objectId, `${operation}:${targetId}`)
    const request = { call, targetId, params: () => ({ ...params }) }
    await worker.enqueue(await recordRequest(worker, { tenantId, operation }, request, key))
  }
  const defaultKey = (setupIntentId: string) => cardKey(tenantId, setupIntentId, `replace_card:${customerId}`)
  if (await isKnown(turn.trx, defaultKey(objectId))) return
  // A webhook that was late: the customer has confirmed another one since.
  for (const later of await confirmedAfter(turn.trx, customerId, sighting))
    if (await isKnown(turn.trx, defaultKey(later))) return
  const asDefault = { default_payment_method: card }
  await ask('replace_card', 'update_customer', customerId, { invoice_settings: asDefault })
  for (const subscriptionId of await liveSubscriptions(turn.trx, tenantId))
    await ask('replace_card', 'update_subscription', subscriptionId, asDefault)
  for (const { invoice_id, status, made_under } of await unsettledInvoices(turn.trx, customerId)) {
    // Those are of no subscription, whose payment method they would take.
    if (made_under !== null) await ask('replace_card', 'update_invoice', invoice_id, asDefault)
    if (status === 'open') await ask('pay_invoice', 'pay_invoice', invoice_id, { payment_method: card })
  }
  await renewCards(turn.trx, tenantId)
}

/** Not one of a session of onboarding, nor one that somebody has made at Stripe. */
async function isForBilling(trx: Trx, tenantId: string, { object }: Sighting): Promise<boolean> {
  const key = textOf(memberOf(memberOf(object, 'metadata'), keyInMetadata))
  if (key === null) return false
  const request = await trx
    .selectFrom('billing_events')
    .select('position')
    .where('fact_id', '=', key)
    .where('type', '=', 'billing.operation_requested')
    .where('stream', '=', operationStream(tenantId))
    .executeTakeFirst()
  return request !== undefined
}

/** The SetupIntents of the customer that were confirmed after this one: what Stripe's events say. */
async function confirmedAfter(trx: Trx, customerId: string, { objectId, asOf }: Sighting): Promise<string[]> {
  const events = await trx
    .selectFrom('stripe_events')
    .select(['object_id', 'created_at'])
    .where('customer_id', '=', customerId)
    .where('type', '=', 'setup_intent.succeeded')
    .orderBy('created_at')
    .execute()
  const own = events.find(({ object_id }) => object_id === objectId)?.created_at ?? isoTime(asOf)
  return events.filter(({ created_at }) => created_at > own).map(({ object_id }) => object_id)
}

async function isKnown(trx: Trx, factId: string): Promise<boolean> {
  const fact = await trx
    .selectFrom('billing_events')
    .select('position')
    .where('fact_id', '=', factId)
    .executeTakeFirst()
  return fact !== undefined
}

async function customerOf(trx: Trx, tenantId: string): Promise<string | undefined> {
  const customer = await trx
    .selectFrom('billing_customers')
    .select('customer_id')
    .where('tenant_id', '=', tenantId)
    .where('is_deleted', '=', 0)
    .executeTakeFirst()
  return customer?.customer_id
}

async function liveSubscriptions(trx: Trx, tenantId: string): Promise<string[]> {
  const rows = await trx
    .selectFrom('billing_subscriptions')
    .select('subscription_id')
    .where('tenant_id', '=', tenantId)
    .where('status', 'not in', endedStatuses)
    .orderBy('subscription_id')
    .execute()
  return rows.map(({ subscription_id }) => subscription_id)
}

/** Drafts and open ones. What is sent to be paid has a day on which it is due, and is not collected. */
function unsettledInvoices(trx: Trx, customerId: string) {
  return trx
    .selectFrom('billing_invoices')
    .select(['invoice_id', 'status', 'made_under'])
    .where('customer_id', '=', customerId)
    .where('status', 'in', dueStatuses)
    .where('due_at', 'is', null)
    .orderBy('made_at')
    .orderBy('invoice_id')
    .execute()
}
