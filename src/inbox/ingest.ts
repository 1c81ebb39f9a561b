import type { AppContext } from '../context.ts'
import type { Reader } from '../db/tables.ts'
import { textOf } from '../projections/read-value.ts'
import type { StripeEvent } from '../stripe/object-types.ts'
import { hearOfRedemption } from './catalogue/refresh-counts.ts'
import { receivedFact } from './event-fact.ts'
import { faultReason, isFault } from './fault.ts'
import { judge, type Verdict } from './judge.ts'
import { customerNamedIn, namesErased, ownerOf } from './owner.ts'
import { takeInEvent } from './take-in.ts'

type Context = Pick<AppContext, 'transact' | 'config' | 'log' | 'recordCounted'>
type Outcome = Verdict['disposition'] | 'duplicate'

/**
 * Takes an event in, once: stores it raw in the log, and, when it is about what we know, brings the tables up to date and
 * tells the listeners in the same turn. Duplicates change nothing. Safe in any order. Whatever one event does, it stands
 * in nobody's way: one that cannot be interpreted is quarantined, until the code is mended.
 * @returns what became of it; 'duplicate' when the log has it
 * @throws AppError database_busy: it is not in the log, and has to come again
 */
export async function ingest(context: Context, event: StripeEvent): Promise<Outcome> {
  const isLive = context.config.stripe.environment === 'live'
  // The draft of a renewal takes what was used until now.
  if (event.type === 'invoice.created') await context.recordCounted()
  try {
    return await record(context, event, (reader) => judge(event, isLive, (shown) => ownerOf(reader, shown)))
  } catch (error) {
    if (!isFault(error)) throw error
    context.log.error({ err: error, event_id: event.id }, 'an event cannot be interpreted: it is quarantined')
    return record(context, event, async () => quarantined(event, faultReason(error)))
  }
}

const record = (
  context: Context,
  event: StripeEvent,
  verdictBy: (reader: Reader) => Promise<Verdict>,
): Promise<Outcome> =>
  context.transact({ actor: 'stripe' }, async (turn) => {
    const verdict = await verdictBy(turn.trx)
    // What is asked for instead is sealed as its tenant's.
    const isNobodys = verdict.disposition === 'refetched' && verdict.reason === 'no customer'
    const isForgotten = isNobodys || (verdict.tenantId === null && (await namesErased(turn.trx, event.data)))
    const isNew = await takeInEvent(turn, receivedFact(event, verdict, isForgotten))
    if (isNew && verdict.disposition === 'ignored') await hearOfRedemption(turn, event)
    return isNew ? verdict.disposition : 'duplicate'
  })

/** Nothing of the event is trusted but what `readEvent` has checked: no fault may come a second time. */
function quarantined(event: StripeEvent, reason: string): Verdict {
  const { id, object }: { id?: unknown; object?: unknown } = event.data.object
  const short = (value: unknown) => textOf(value)?.slice(0, 255).toWellFormed()
  return {
    disposition: 'quarantined',
    reason,
    tenantId: null,
    customerId: customerNamedIn(event.data),
    objectType: short(object) ?? 'unknown',
    objectId: short(id) ?? 'none',
  }
}
