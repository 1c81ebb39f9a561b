import type { Trx } from '../db/tables.ts'
import type { Sighting } from '../log/sighting.ts'
import { keyInMetadata } from '../stripe/call.ts'
import { onStripeObject, type Projection } from './projection.ts'
import { integerOf, memberOf, textOf } from './read-value.ts'
import { saveRow } from './save-row.ts'
import { windowId } from './windows.ts'

/**
 * What was asked for. A line counts as charged from then on, until it is refused, taken off, or rebilled; an item that was edited
 * at Stripe counts as we made it (`charged_cents`), and shows as what it is now (`item_cents`).
 */
export const usageLines: Projection = {
  table: 'billing_usage_lines',
  primaryKey: 'line_id',
  on: {
    ...onStripeObject(['invoice', 'invoiceitem'], (trx, sighting) =>
      sighting.objectType === 'invoice' ? showInvoice(trx, sighting) : showItem(trx, sighting),
    ),
    'usage.line_asked': (trx, { tenant_id, data, occurred_at, position }) => {
      const { line_id, subscription_id, usage_type, kind, invoice_id, invoice_key, quantity } = data
      return saveRow(
        trx,
        'billing_usage_lines',
        'line_id',
        {
          ...{ line_id, subscription_id, usage_type, kind, invoice_id, invoice_key, quantity },
          tenant_id: tenant_id ?? '',
          window_id: windowId(subscription_id, data.window_start),
          amount_cents: data.amount_cents,
          item_cents: kind === 'forgiven' ? 0 : data.amount_cents,
          charged_cents: data.amount_cents,
          refusal: null,
          upto_position: data.upto_position,
          made_at: occurred_at,
          position,
          last_position: position,
        },
        'kept',
      )
    },
    'usage.line_refused': async (trx, { tenant_id, data, position }) => {
      await trx
        .updateTable('billing_usage_lines')
        .set({ item_cents: 0, charged_cents: 0, refusal: data.reason, last_position: position })
        .where('tenant_id', '=', tenant_id)
        .where('line_id', '=', data.line_id)
        .execute()
    },
    'usage.rebilled': async (trx, { tenant_id, data, position }) => {
      const { status } = (await statusOf(trx, data.invoice_id)) ?? {}
      await trx
        .updateTable('billing_usage_lines')
        .set((eb) => ({
          charged_cents: status === 'void' ? 0 : eb.ref('item_cents'),
          last_position: position,
        }))
        .where('tenant_id', '=', tenant_id)
        .where('invoice_id', '=', data.invoice_id)
        .where('kind', 'in', ['item', 'first'])
        .execute()
      await trx
        .updateTable('billing_usage_lines')
        .set({ refusal: 'rebilled', last_position: position })
        .where('tenant_id', '=', tenant_id)
        .where('invoice_id', '=', data.invoice_id)
        .where('refusal', 'is not', null)
        .where((eb) => eb.or([eb('kind', '=', 'credit_note'), eb('invoice_key', 'is not', null)]))
        .execute()
    },
  },
}

type Seen<T extends 'invoice' | 'invoiceitem'> = Omit<Sighting<T>, 'whole'>

const statusOf = (trx: Trx, invoiceId: string) =>
  trx.selectFrom('billing_invoices').select('status').where('invoice_id', '=', invoiceId).executeTakeFirst()

/** An invoice of ours gets its id; what was on a draft that is gone is due again. */
async function showInvoice(trx: Trx, sighting: Seen<'invoice'>): Promise<void> {
  const { objectId, tenantId, position } = sighting
  const key = textOf(memberOf(sighting.object.metadata, keyInMetadata))
  const ofTenant = trx.updateTable('billing_usage_lines').where('tenant_id', '=', tenantId)
  if (key !== null)
    await ofTenant
      .set({ invoice_id: objectId, last_position: position })
      .where('invoice_key', '=', key)
      .where('invoice_id', 'is', null)
      .execute()
  if ((await statusOf(trx, objectId))?.status !== 'deleted') return
  await ofTenant
    .set({ item_cents: 0, charged_cents: 0, last_position: position })
    .where('invoice_id', '=', objectId)
    .where((eb) => eb.or([eb('item_cents', '!=', 0), eb('charged_cents', '!=', 0)]))
    .execute()
}

async function showItem(trx: Trx, sighting: Seen<'invoiceitem'>): Promise<void> {
  const { object, isDeleted, tenantId, position } = sighting
  const key = textOf(memberOf(object.metadata, keyInMetadata))
  const cents = isDeleted ? 0 : integerOf(object.amount)
  if (key === null || cents === null) return
  await trx
    .updateTable('billing_usage_lines')
    .set({ item_cents: cents, last_position: position })
    .where('tenant_id', '=', tenantId)
    .where('line_id', '=', key)
    .where('item_cents', '!=', cents)
    .where('refusal', 'is', null)
    .execute()
}
