import { flag, type Trx } from '../db/tables.ts'
import type { Sighting } from '../log/sighting.ts'
import { nextRow } from './deletable.ts'
import { forget, onStripeObject, type Projection } from './projection.ts'
import { idOf, integerOf, textOf } from './read-value.ts'
import { saveRow } from './save-row.ts'

const personalColumns = ['email', 'name', 'phone']

export const customers: Projection = {
  table: 'billing_customers',
  primaryKey: 'customer_id',
  personalColumns,
  on: { ...onStripeObject(['customer'], show), ...forget('billing_customers', personalColumns) },
}

async function show(trx: Trx, sighting: Sighting<'customer'>): Promise<void> {
  const { object, tenantId } = sighting
  const customerId = textOf(object.id)
  if (customerId === null || tenantId === null) return
  const row = await trx
    .selectFrom('billing_customers')
    .selectAll()
    .where('customer_id', '=', customerId)
    .executeTakeFirst()
  const whole = await sighting.whole()
  const next = nextRow(sighting, row, {
    customer_id: customerId,
    tenant_id: tenantId,
    email: textOf(whole?.email),
    name: textOf(whole?.name),
    phone: textOf(whole?.phone),
    default_payment_method_id: idOf(object.invoice_settings?.default_payment_method),
    balance_cents: integerOf(object.balance) ?? 0,
    is_delinquent: flag(object.delinquent),
  })
  if (next !== undefined) await saveRow(trx, 'billing_customers', 'customer_id', next)
}
