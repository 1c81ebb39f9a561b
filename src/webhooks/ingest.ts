import type Stripe from 'stripe'
import { type AppContext, metadataOf } from '../context.ts'
import type { Reader } from '../db/tables.ts'
import { type NewFact, type StripeObjectType, streams } from '../log/facts.ts'
import { record } from '../projections/record.ts'
import { withoutSecrets } from '../stripe/gateway.ts'
import { isPinned } from '../stripe/webhook.ts'
import { applyEvent } from './apply.ts'
import { enqueueRefresh } from './enqueue-refresh.ts'
import { type Owner, ownerOf } from './owner.ts'
import { releaseParked } from './release.ts'

const by = { actor: 'stripe' }

/**
 * Takes an event in, once: stores it raw in the log, and, when it is about what we know, brings the tables and the
 * onboarding session up to date in the same transaction. Duplicates change nothing. Safe in any order.
 * @returns what became of it; 'duplicate' when the log has it
 */
export async function ingest(
  context: Pick<AppContext, 'db' | 'now' | 'config' | 'effects' | 'log'>,
  event: Stripe.Event,
): Promise<Disposition | 'duplicate'> {
  const refreshes: string[] = []
  const outcome = await context.db.transact(async (trx) => {
    refreshes.length = 0
    const now = context.now().toISOString()
    const about = describe(event)
    const verdict = await judge(trx, event, about, context.config.stripe.environment === 'live')
    const fact: NewFact<'stripe.event_received'> = {
      fact_id: event.id,
      type: 'stripe.event_received',
      tenant_id: verdict.owner.tenantId,
      data: {
        event_id: event.id,
        event_type: event.type,
        object_type: about.object.object ?? 'unknown',
        object_id: about.object.id ?? 'none',
        customer_id: verdict.owner.customerId,
        created: event.created,
        api_version: event.api_version,
        livemode: event.livemode,
        disposition: verdict.disposition,
        reason: verdict.reason,
        personal: { event: withoutSecrets(event) as unknown as Record<string, unknown> },
      },
      metadata: metadataOf(
        by,
        event.request?.idempotency_key ? { causation: event.request.idempotency_key } : {},
      ),
      occurred_at: new Date(event.created * 1000).toISOString(),
    }
    const stream = streamOf(verdict)
    if (verdict.disposition !== 'applied') {
      const [recorded] = await record(trx, stream, 'any', [fact], now)
      if (recorded === undefined) return 'duplicate'
      if (verdict.disposition === 'refetched' && about.mirrored !== undefined)
        refreshes.push(
          await enqueueRefresh(
            trx,
            { objectType: about.mirrored, objectId: fact.data.object_id, tenantId: fact.tenant_id },
            event.id,
            now,
          ),
        )
      return verdict.disposition
    }
    const asked = await applyEvent(trx, stream, fact, now, { asksAgain: false, log: context.log })
    if (asked === undefined) return 'duplicate'
    refreshes.push(...asked)
    if (about.mirrored === 'customer' && fact.tenant_id !== null)
      refreshes.push(...(await releaseParked(trx, fact.tenant_id, fact.data.object_id, now)))
    return verdict.disposition
  })
  // Not waited for: Stripe wants its answer, and the outbox has what fails here. A moment later, so that one question
  // about an object answers for all events of a burst.
  const carryOut = (effectId: string) =>
    context.effects
      .run(effectId)
      .catch((error) => context.log.warn({ err: error, effect_id: effectId }, 'not carried out yet'))
  for (const effectId of new Set(refreshes)) setTimeout(carryOut, burstMs, effectId).unref()
  return outcome
}

const burstMs = 150

export type Disposition = NewFact<'stripe.event_received'>['data']['disposition']
type Verdict = { disposition: Disposition; reason: string | null; owner: Owner }

const catalogue: readonly string[] = ['product', 'price', 'coupon', 'promotion_code']
const mirrored: readonly string[] = [
  'customer',
  'subscription',
  'invoice',
  'payment_method',
  'setup_intent',
  ...catalogue,
]

type Described = {
  object: { id?: string; object?: string }
  /** Undefined: an object that we keep nothing of. */
  mirrored: StripeObjectType | undefined
}

function describe(event: Stripe.Event): Described {
  const object = event.data.object as Described['object']
  // An upcoming invoice has no id, because there is no such invoice yet.
  const isMirrored = object.id !== undefined && mirrored.includes(object.object ?? '')
  return { object, mirrored: isMirrored ? (object.object as StripeObjectType) : undefined }
}

async function judge(
  reader: Reader,
  event: Stripe.Event,
  about: Described,
  isLive: boolean,
): Promise<Verdict> {
  const nobody: Owner = { tenantId: null, customerId: null, conflict: null }
  if (about.mirrored === undefined) return { disposition: 'ignored', reason: 'type', owner: nobody }
  if (event.livemode !== isLive) return { disposition: 'quarantined', reason: 'livemode', owner: nobody }
  const disposition = isPinned(event) ? 'applied' : 'refetched'
  const reason = isPinned(event) ? null : `api_version ${event.api_version}`
  if (catalogue.includes(about.mirrored)) return { disposition, reason, owner: nobody }
  const owner = await ownerOf(reader, about.mirrored, event.data)
  if (owner.conflict !== null)
    return { disposition: 'quarantined', reason: owner.conflict, owner: { ...owner, tenantId: null } }
  if (owner.tenantId !== null) return { disposition, reason, owner }
  return owner.customerId === null
    ? { disposition: 'ignored', reason: 'no customer', owner }
    : { disposition: 'parked', reason: 'unknown customer', owner }
}

function streamOf({ owner, disposition, reason }: Verdict): string {
  if (owner.tenantId !== null) return streams.billing(owner.tenantId)
  const isCatalogue = disposition === 'applied' || (disposition === 'refetched' && reason !== null)
  return isCatalogue ? streams.catalog : streams.stripe
}
