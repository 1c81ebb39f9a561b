import type { Row, Trx } from '../db/tables.ts'
import type { Sighting } from '../log/sighting.ts'
import { mirrorOf } from './deletable.ts'
import { forget, isoTime, onStripeObject, type Projection, supersedes } from './projection.ts'
import { idOf, integerOf, memberOf, textOf } from './read-value.ts'
import { sameRow, saveRow } from './save-row.ts'

const personalColumns = ['last4']

/**
 * The newest sighting is shown; of one second, that of the detachment. A detached payment method names no customer
 * any more: the row keeps the one that it had, or learns it from an older sighting that arrives later.
 */
export const paymentMethods: Projection = {
  table: 'billing_payment_methods',
  primaryKey: 'payment_method_id',
  personalColumns,
  on: { ...onStripeObject(['payment_method'], show), ...forget('billing_payment_methods', personalColumns) },
}

async function show(trx: Trx, sighting: Sighting<'payment_method'>): Promise<void> {
  const { object, tenantId } = sighting
  const paymentMethodId = textOf(object.id)
  if (paymentMethodId === null || tenantId === null) return
  const row = await trx
    .selectFrom('billing_payment_methods')
    .selectAll()
    .where('payment_method_id', '=', paymentMethodId)
    .executeTakeFirst()
  const content = columnsOf(sighting, await sighting.whole(), paymentMethodId, tenantId)
  const columns = row === undefined || replaces(sighting, row, content) ? content : row
  const customer_id = columns.customer_id || row?.customer_id || content.customer_id
  const next = { ...columns, customer_id, last_position: sighting.position }
  if (!sameRow(next, row)) await saveRow(trx, 'billing_payment_methods', 'payment_method_id', next)
}

type PaymentMethod = Row<'billing_payment_methods'>

function replaces(sighting: Sighting, row: PaymentMethod, content: PaymentMethod): boolean {
  const wasDetached = row.detached_at !== null
  const isDetached = content.detached_at !== null
  if (sighting.asOf === row.as_of && wasDetached !== isDetached) return isDetached
  return supersedes(sighting, row)
}

function columnsOf(
  sighting: Sighting<'payment_method'>,
  whole: object | null,
  payment_method_id: string,
  tenant_id: string,
): PaymentMethod {
  const { object, asOf, event, isDeleted } = sighting
  const customerId = idOf(object.customer)
  const isDetached = isDeleted || customerId === null || event?.type === 'payment_method.detached'
  const type = textOf(object.type) ?? ''
  const details = memberOf(object, type)
  return {
    payment_method_id,
    tenant_id,
    customer_id: customerId ?? '',
    type,
    brand: textOf(memberOf(details, 'brand')),
    last4: textOf(memberOf(memberOf(whole, type), 'last4')),
    exp_month: integerOf(memberOf(details, 'exp_month')),
    exp_year: integerOf(memberOf(details, 'exp_year')),
    detached_at: isDetached ? isoTime(asOf) : null,
    ...mirrorOf(sighting),
  }
}
