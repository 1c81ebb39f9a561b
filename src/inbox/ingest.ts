import type Stripe from 'stripe'
import type { AppContext } from '../context.ts'
import type { TurnFact } from '../effects/turn.ts'
import { streams } from '../log/facts.ts'
import { isOurWord } from '../log/safe-words.ts'
import { type JsonObject, takeApart } from '../log/take-apart.ts'
import { textOf } from '../projections/read-value.ts'
import { withoutSecrets } from '../stripe/answer.ts'
import { applyEvent } from './apply.ts'
import { declineIn } from './decline.ts'
import { enqueueRefresh } from './enqueue-refresh.ts'
import { faultReason, isFault } from './fault.ts'
import { catalogue, type Disposition, describe, judge, streamOf } from './judge.ts'
import { customerNamedIn, namesErased } from './owner.ts'
import { releaseParked } from './release.ts'

const by = { actor: 'stripe' }

type Context = Pick<AppContext, 'transact' | 'config' | 'log'>

/**
 * Takes an event in, once: stores it raw in the log, and, when it is about what we know, brings the tables and the
 * onboarding session up to date in the same transaction. Duplicates change nothing. Safe in any order. Whatever one
 * event does, it stands in nobody's way: one that cannot be interpreted is quarantined, until the code is mended.
 * @returns what became of it; 'duplicate' when the log has it
 * @throws AppError database_busy: it is not in the log, and has to come again
 */
export async function ingest(context: Context, event: Stripe.Event): Promise<Disposition | 'duplicate'> {
  return interpret(context, event).catch((error) => {
    if (!isFault(error)) throw error
    context.log.error({ err: error, event_id: event.id }, 'an event cannot be interpreted: it is quarantined')
    return quarantine(context, event, faultReason(error))
  })
}

type Outcome = Disposition | 'duplicate'

function interpret(context: Context, event: Stripe.Event): Promise<Outcome> {
  return context.transact(by, async (turn) => {
    const about = describe(event)
    const verdict = await judge(turn.trx, event, about, context.config.stripe.environment === 'live')
    const { disposition } = verdict
    const fact = receivedFact(event, {
      tenantId: verdict.owner.tenantId,
      objectType: about.object.object ?? 'unknown',
      objectId: about.object.id ?? 'none',
      // Also of an event that we do nothing with: it may have to be forgotten with its customer.
      customerId: verdict.owner.customerId ?? customerNamedIn(event.data),
      isForgotten: verdict.owner.tenantId === null && (await namesErased(turn.trx, event.data)),
      disposition,
      reason: verdict.reason,
      causation: ownKey(event.request?.idempotency_key),
    })
    const stream = streamOf(verdict)
    if (disposition === 'applied') {
      const options = { asksAgain: false, log: context.log }
      if (!(await applyEvent(turn, stream, fact, options))) return 'duplicate'
      if (about.mirrored === 'customer' && fact.tenant_id !== null)
        await releaseParked(turn, fact.tenant_id, fact.data.object_id)
      return disposition
    }
    const [recorded] = await turn.record(stream, [fact])
    if (recorded === undefined) return 'duplicate'
    if (disposition === 'refetched' && about.mirrored !== undefined)
      await enqueueRefresh(
        turn,
        { objectType: about.mirrored, objectId: fact.data.object_id, tenantId: fact.tenant_id },
        event.id,
      )
    return disposition
  })
}

/** Nothing of the event is trusted but what `readEvent` has checked: no fault may come a second time. */
function quarantine(context: Context, event: Stripe.Event, reason: string): Promise<Outcome> {
  const object = event.data.object as { id?: unknown; object?: unknown }
  const short = (value: unknown) => textOf(value)?.slice(0, 255).toWellFormed() ?? null
  return context.transact(by, async (turn) => {
    const fact = receivedFact(event, {
      tenantId: null,
      objectType: short(object.object) ?? 'unknown',
      objectId: short(object.id) ?? 'none',
      customerId: customerNamedIn(event.data),
      isForgotten: await namesErased(turn.trx, event.data),
      disposition: 'quarantined',
      reason,
      causation: undefined,
    })
    const [recorded] = await turn.record(streams.stripe, [fact])
    return recorded === undefined ? 'duplicate' : 'quarantined'
  })
}

/** Another program's key may be any text. */
const ownKey = (key: string | null | undefined) => (key?.startsWith('stepledger:') ? key : undefined)

function receivedFact(
  event: Stripe.Event,
  about: {
    tenantId: string | null
    objectType: string
    objectId: string
    customerId: string | null
    /** Its texts are not kept. */
    isForgotten: boolean
    disposition: Disposition
    reason: string | null
    causation: string | undefined
  },
): TurnFact<'stripe.event_received'> {
  // These stand in the clear, and the object may say anything: a name that is none is left out.
  const { objectType, objectId, customerId } = about
  const isCatalogue = catalogue.includes(objectType)
  const { safe, texts } = takeApart(withoutSecrets(event) as unknown as JsonObject)
  return {
    fact_id: event.id,
    type: 'stripe.event_received',
    tenant_id: about.tenantId,
    data: {
      event_id: event.id,
      event_type: event.type,
      object_type: isOurWord(objectType) ? objectType : 'unknown',
      object_id: isCatalogue || isOurWord(objectId) ? objectId : 'none',
      customer_id: customerId,
      created: event.created,
      api_version: event.api_version,
      livemode: event.livemode,
      disposition: about.disposition,
      reason: about.reason,
      ...declineIn(event.data.object),
      event: safe,
      personal: about.isForgotten ? {} : texts,
    },
    metadata: about.causation === undefined ? {} : { causation: about.causation },
    occurred_at: new Date(event.created * 1000).toISOString(),
  }
}
