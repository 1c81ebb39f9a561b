import { dueStatuses } from '../../machines/invoice.ts'
import { unchargedOf } from '../charges/uncharged.ts'
import type { Reader } from '../db/tables.ts'
import { timerKinds } from '../effects/kinds.ts'
import { AppError } from '../errors.ts'
import { operationsUnderWay } from '../outbox/under-way.ts'
import { isLive } from '../views/subscriptions.ts'

/** What has to be over before a tenant can be erased. */
export type Obstacles = {
  subscription_ids: string[]
  /** Usage and platform base that no invoice has. */
  due_cents: number
  /** Drafts and open ones; where they are forgiven, also those that are being voided. */
  invoice_ids: string[]
  /** Calls whose outcome is not known yet. */
  pending_effects: { effect_id: string; kind: string }[]
}

/** @param options.now UTC ISO 8601 @param options.forgive what is due does not count, and a voiding that was begun is no obstacle: it is carried on */
export async function obstaclesOf(
  reader: Reader,
  tenantId: string,
  { forgive, now }: { forgive: boolean; now: string },
): Promise<Obstacles> {
  const subscriptions = await reader
    .selectFrom('billing_subscriptions')
    .select(['subscription_id', 'status'])
    .where('tenant_id', '=', tenantId)
    .execute()
  const invoices = await reader
    .selectFrom('billing_invoices')
    .select('invoice_id')
    .where('tenant_id', '=', tenantId)
    .where('status', 'in', dueStatuses)
    .orderBy('invoice_id')
    .execute()
  const pending = await reader
    .selectFrom('effects')
    .select(['effect_id', 'kind'])
    .where('tenant_id', '=', tenantId)
    .where('status', '=', 'pending')
    .where('kind', 'not in', harmless)
    // A payment that is to be tried again later ends with its invoice, which stands in the way itself while it is open.
    .where((eb) =>
      eb.not(eb.and([eb('kind', '=', 'pay_invoice'), eb('attempts', '=', 0), eb('due_at', '>', now)])),
    )
    .orderBy('effect_id')
    .execute()
  const voidings = forgive
    ? (await operationsUnderWay(reader, tenantId)).filter(({ operation }) => operation === 'void_invoice')
    : []
  const due = forgive
    ? 0
    : (await unchargedOf(reader, tenantId)).reduce(
        (sum, { amount_cents }) => sum + Math.max(0, amount_cents),
        0,
      )
  return {
    subscription_ids: subscriptions.filter(isLive).map(({ subscription_id }) => subscription_id),
    due_cents: due,
    invoice_ids: [
      ...new Set([
        ...invoices.map(({ invoice_id }) => invoice_id),
        ...voidings.flatMap(({ targetId }) => targetId ?? []),
      ]),
    ],
    pending_effects: pending.filter(({ effect_id }) => voidings.every(({ key }) => key !== effect_id)),
  }
}

/** They change nothing at Stripe and end by themselves; what they bring is kept without its texts. */
const harmless = [...timerKinds, 'refresh_object', 'list_customer', 'tell_listener']

/** @throws AppError conflict with all that stands in the way. What `forgive` writes off does not */
export function assertFree(found: Obstacles, { forgive }: { forgive: boolean }): void {
  const { subscription_ids, due_cents, invoice_ids, pending_effects } = found
  const reasons = [
    ...(subscription_ids.length === 0 ? [] : [`it has a live subscription (${subscription_ids.join(', ')})`]),
    ...(pending_effects.length === 0
      ? []
      : [`a call to Stripe is under way (${pending_effects.map(({ effect_id }) => effect_id).join(', ')})`]),
    ...(forgive || due_cents === 0 ? [] : [`${due_cents} cents are due that no invoice has`]),
    ...(forgive || invoice_ids.length === 0
      ? []
      : [
          `invoices are not settled (${invoice_ids.join(', ')}): they have to be paid, voided or written off, or erase with \`forgive\``,
        ]),
  ]
  if (reasons.length === 0) return
  throw new AppError('conflict', `The tenant cannot be erased yet: ${reasons.join('; ')}`, {
    details: { ...found },
  })
}
