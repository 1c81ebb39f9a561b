import type { Reader } from '../db/tables.ts'
import { findFact } from '../log/read.ts'
import { requestedKeys, succeededFactId } from './operation.ts'

/** The key of what a card that was confirmed leads to, by its SetupIntent. */
export const cardKey = (tenantId: string, setupIntentId: string, what: string) =>
  `stepledger:${tenantId}:card:${setupIntentId}:${what}`

/**
 * What an attempt to pay an invoice of ours is made with, as things are now: the card of its subscription, which Stripe does not know
 * to be the invoice's. Undefined: the invoice's own, else the customer's default, since that card is gone, or the customer has
 * replaced it on the invoice and the subscription does not have the new one (yet).
 */
export async function cardFor(reader: Reader, invoiceKey: string): Promise<string | undefined> {
  const asked = await findFact(reader, invoiceKey, 'usage.invoice_asked')
  if (asked === undefined) return undefined
  const { subscription_id } = asked.data
  const card = await reader
    .selectFrom('billing_subscriptions as s')
    .leftJoin('billing_payment_methods as m', 'm.payment_method_id', 's.default_payment_method_id')
    .select(['s.default_payment_method_id as id', 'm.detached_at'])
    .where('s.subscription_id', '=', subscription_id)
    .executeTakeFirst()
  if (card === undefined || card.id === null || card.detached_at !== null) return undefined
  const replaced = await replacement(reader, asked.tenant_id, invoiceKey)
  if (replaced === undefined) return card.id
  const onSubscription = succeededFactId(`${replaced}${subscription_id}`)
  const taken = await findFact(reader, onSubscription, 'billing.operation_succeeded')
  return taken === undefined ? undefined : card.id
}

/** What the key of the last card begins with that was put on the invoice; the id of what it was put on follows. */
async function replacement(
  reader: Reader,
  tenantId: string | null,
  invoiceKey: string,
): Promise<string | undefined> {
  const invoice = await reader
    .selectFrom('billing_invoices')
    .select('invoice_id')
    .where('made_under', '=', invoiceKey)
    .executeTakeFirst()
  const end = `:replace_card:${invoice?.invoice_id}`
  const requests = await requestedKeys(reader, tenantId)
  const key = requests.findLast((request) => request.endsWith(end))
  return key?.slice(0, -(invoice?.invoice_id.length ?? 0))
}
