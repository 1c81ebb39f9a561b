import { flag, type Row, type Trx } from '../db/tables.ts'
import type { Sighting } from '../log/sighting.ts'
import { keyInMetadata } from '../stripe/call.ts'
import type { StripeObjects } from '../stripe/object-types.ts'
import { linesOf } from './invoice-parts.ts'
import { onStripeObject, type Projection, supersedes } from './projection.ts'
import { idOf, integerOf, memberOf, textOf } from './read-value.ts'
import { sameRow, saveRow } from './save-row.ts'

/**
 * What an item itself shows, and what the lines of an invoice show of it: of neither a change nor the invoice that takes a
 * pending item is there an event about the item. The newest is shown; once on an invoice it is never pending again, and
 * deleted once it is deleted for good. What becomes of the invoice is the invoice's.
 */
export const invoiceItems: Projection = {
  table: 'billing_invoice_items',
  primaryKey: 'item_id',
  on: onStripeObject(['invoiceitem', 'invoice'], show),
}

type Item = Row<'billing_invoice_items'>
type Shown = Omit<Item, 'tenant_id' | 'last_position'>

async function show(trx: Trx, sighting: Sighting<'invoiceitem' | 'invoice'>): Promise<void> {
  const { asOf, isDeleted, tenantId, position } = sighting
  if (tenantId === null) return
  const items =
    sighting.objectType === 'invoice'
      ? itemsOn(sighting.object, asOf)
      : [itemIn(sighting.object, asOf, isDeleted)]
  for (const item of items)
    if (item.item_id !== '')
      await showItem(trx, sighting, { ...item, tenant_id: tenantId, last_position: position })
}

async function showItem(trx: Trx, sighting: Sighting, content: Item): Promise<void> {
  const row = await trx
    .selectFrom('billing_invoice_items')
    .selectAll()
    .where('item_id', '=', content.item_id)
    .executeTakeFirst()
  const isNewer = row === undefined || (content.as_of > 0 && supersedes(sighting, row))
  const [columns, other] = isNewer ? [content, row] : [row, content]
  const next = {
    ...columns,
    invoice_id: columns.invoice_id ?? other?.invoice_id ?? null,
    is_deleted: flag(columns.is_deleted === 1 || other?.is_deleted === 1),
    last_position: sighting.position,
  }
  if (!sameRow(next, row)) await saveRow(trx, 'billing_invoice_items', 'item_id', next)
}

function itemIn(object: StripeObjects['invoiceitem'], asOf: number, isDeleted: boolean): Shown {
  // What Stripe answers for a deleted one has no more than its id: any content that comes after it is newer.
  const isStub = isDeleted && integerOf(object.date) === null
  return {
    item_id: textOf(object.id) ?? '',
    customer_id: idOf(object.customer) ?? '',
    subscription_id: idOf(memberOf(memberOf(object.parent, 'subscription_details'), 'subscription')),
    invoice_id: idOf(object.invoice),
    ...charged(object, object.proration === true),
    is_deleted: flag(isDeleted),
    as_of: isStub ? 0 : asOf,
  }
}

/** The items among the lines of an invoice; what a subscription charges by itself is none. */
function itemsOn(invoice: StripeObjects['invoice'], asOf: number): Shown[] {
  return linesOf(invoice).map((line) => {
    const parent = memberOf(line, 'parent')
    const details = memberOf(parent, 'invoice_item_details') ?? memberOf(parent, 'subscription_item_details')
    return {
      item_id: textOf(memberOf(details, 'invoice_item')) ?? '',
      customer_id: idOf(invoice.customer) ?? '',
      subscription_id: idOf(memberOf(details, 'subscription')),
      invoice_id: textOf(invoice.id),
      ...charged(line, memberOf(details, 'proration') === true),
      is_deleted: 0,
      as_of: asOf,
    }
  })
}

/** A proration is Stripe's own: its line bears the metadata of the subscription. */
const charged = (of: unknown, isProration: boolean) => ({
  amount_cents: integerOf(memberOf(of, 'amount')) ?? 0,
  currency: textOf(memberOf(of, 'currency')) ?? '',
  made_under: isProration ? null : textOf(memberOf(memberOf(of, 'metadata'), keyInMetadata)),
  is_proration: flag(isProration),
  product_id: idOf(memberOf(memberOf(memberOf(of, 'pricing'), 'price_details'), 'product')),
  is_discountable: flag(memberOf(of, 'discountable') === true),
})
