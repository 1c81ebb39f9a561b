import { randomUUID } from 'node:crypto'
import type { Database } from '../../src/db/database.ts'
import { type FactData, type FactType, type NewFact, streams } from '../../src/log/facts.ts'
import { type JsonObject, takeApart } from '../../src/log/take-apart.ts'
import { record } from '../../src/projections/record.ts'
import type { StripeObjectType } from '../../src/stripe/object-types.ts'

export const tenant = 'Jeturing_00000000-0000-4000-8000-000000000001'
export const otherTenant = 'Jeturing_00000000-0000-4000-8000-000000000002'

/** 2026-01-01T00:00:00Z, unix seconds: the tests' time begins here. */
export const epoch = 1_767_225_600
export const at = (seconds: number) => new Date((epoch + seconds) * 1000).toISOString()

export function newFact<T extends FactType>(
  type: T,
  data: FactData<T>,
  options: { tenantId?: string | null; occurredAt?: string; factId?: string } = {},
): NewFact<T> {
  const fact = {
    fact_id: options.factId ?? randomUUID(),
    type,
    tenant_id: options.tenantId === undefined ? tenant : options.tenantId,
    data,
    metadata: { actor: 'worker' },
    occurred_at: options.occurredAt ?? at(0),
  }
  return fact as unknown as NewFact<T>
}

/** A raw Stripe object; tests give the members that matter. */
export type RawObject = Record<string, unknown> & { id: string }

/** A webhook of Stripe's, applied. `seconds` after the epoch. */
export function stripeEvent(
  eventType: string,
  objectType: StripeObjectType,
  object: RawObject,
  seconds: number,
  options: { tenantId?: string | null; eventId?: string } = {},
): NewFact<'stripe.event_received'> {
  const eventId = options.eventId ?? `evt_${randomUUID()}`
  const created = epoch + seconds
  const raw = {
    id: eventId,
    object: 'event',
    type: eventType,
    created,
    data: { object: { object: objectType, ...object } },
  }
  const { safe: event, texts: personal } = takeApart(raw as unknown as JsonObject)
  return newFact(
    'stripe.event_received',
    {
      event_id: eventId,
      event_type: eventType,
      object_type: objectType,
      object_id: object.id,
      customer_id: typeof object.customer === 'string' && object.customer ? object.customer : null,
      created,
      event,
      personal,
      api_version: '2026-10-28.endive',
      livemode: false,
      disposition: 'applied',
      reason: null,
    },
    { ...options, factId: eventId, occurredAt: at(seconds) },
  )
}

/** What Stripe's API answered. */
export function observed(
  objectType: StripeObjectType,
  object: RawObject,
  seconds: number,
  options: { tenantId?: string | null; isDeleted?: boolean } = {},
): NewFact<'stripe.object_observed'> {
  const { safe, texts } = takeApart({ object: objectType, ...object } as JsonObject)
  return newFact(
    'stripe.object_observed',
    {
      object_type: objectType,
      object_id: object.id,
      as_of: epoch + seconds,
      is_deleted: options.isDeleted ?? false,
      object: safe,
      personal: texts,
    },
    { ...options, occurredAt: at(seconds) },
  )
}

export function usageRecorded(
  recordId: string,
  seconds: number,
  data: Partial<FactData<'usage.recorded'>> = {},
): NewFact<'usage.recorded'> {
  return newFact(
    'usage.recorded',
    {
      record_id: recordId,
      usage_type: 'case',
      action: 'increment',
      quantity: 1,
      is_late: false,
      personal: { idempotency_key: null, metadata: {} },
      ...data,
    },
    { occurredAt: at(seconds) },
  )
}

/** Records each fact in the stream that it belongs to, in this order, recorded at `now`. */
export async function recordAll(db: Database, facts: readonly NewFact[], now = at(0)): Promise<void> {
  await db.transact(async (trx) => {
    for (const fact of facts) await record(trx, streamOf(fact), 'any', [fact], now)
  })
}

function streamOf(fact: NewFact): string {
  if (fact.type.startsWith('rates.')) return streams.rates
  if (fact.tenant_id === null) return streams.catalog
  return fact.type.startsWith('usage.') ? streams.usage(fact.tenant_id) : streams.billing(fact.tenant_id)
}
