import type { Reader } from '../db/tables.ts'
import type { Fact } from '../log/facts.ts'
import { factById } from '../log/read.ts'

/**
 * What a fact is about, in the words that its type leaves out: Stripe's event type and object, such as
 * `invoice.payment_failed in_… card_declined insufficient_funds`; the decline's code; the type and quantity of usage.
 * Nothing personal. Null where its type says all.
 */
export function aboutOf({ type, data }: Pick<Fact, 'type' | 'data'>): string | null {
  const of = data as Record<string, unknown>
  const words = [...firstWords(type, of), ...lastWords(type, of)].filter(
    (word) => (typeof word === 'string' && word !== '') || typeof word === 'number',
  )
  return words.length === 0 ? null : [...new Set(words)].join(' ')
}

function firstWords(type: string, data: Record<string, unknown>): unknown[] {
  switch (type) {
    case 'stripe.event_received':
    case 'stripe.event_released':
      return [data.event_type, data.object_id]
    case 'stripe.event_quarantined':
      return [data.event_id]
    case 'stripe.object_observed':
      return [data.object_type, data.object_id, data.is_deleted === true && 'deleted']
    default:
      return ['operation', 'usage_type', 'quantity', 'plan_id', 'invoice_id'].map((name) => data[name])
  }
}

function lastWords(type: string, data: Record<string, unknown>): unknown[] {
  const isApplied = type === 'stripe.event_received' && data.disposition === 'applied'
  return [
    data.code,
    data.decline_code,
    ...(isApplied ? [] : [data.disposition, data.reason]),
    data.customer_id !== undefined && !type.startsWith('stripe.') && data.customer_id,
    data.subscription_id,
    data.payment_method_id,
  ]
}

/** As `aboutOf`, for facts as they come from the log: a payment that failed says why, too. */
export async function aboutIn(reader: Reader, fact: Fact): Promise<string | null> {
  const about = aboutOf(fact)
  if (fact.type !== 'stripe.event_received' || fact.data.event_type !== 'invoice.payment_failed') return about
  const { customer_id, created, code } = fact.data
  if (customer_id === null || code !== undefined) return about
  const decline = await declineOf(reader, customer_id, created)
  return decline === undefined ? about : `${about} ${decline}`
}

/** Longer than Stripe takes from the failed payment to what it says of the invoice, or the other way round. */
const nearSeconds = 60

/**
 * Stripe's invoice does not say why its payment failed; the payment does, in an event of its own of that moment, which
 * names the customer and not the invoice.
 */
async function declineOf(reader: Reader, customerId: string, created: number): Promise<string | undefined> {
  const near = (seconds: number) => new Date((created + seconds) * 1000).toISOString()
  const events = await reader
    .selectFrom('stripe_events')
    .select(['event_id', 'created_at'])
    .where('customer_id', '=', customerId)
    .where('type', '=', 'payment_intent.payment_failed')
    .where('created_at', '>=', near(-nearSeconds))
    .where('created_at', '<=', near(nearSeconds))
    .execute()
  const awayMs = ({ created_at }: { created_at: string }) => Math.abs(Date.parse(created_at) - created * 1000)
  const [nearest] = events.sort((a, b) => awayMs(a) - awayMs(b))
  if (nearest === undefined) return undefined
  const { code, decline_code } = (await factById(reader, nearest.event_id, 'stripe.event_received')).data
  return [code, decline_code].filter((word) => word !== undefined).join(' ') || undefined
}
