import { z } from 'zod'
import type { AppContext } from '../context.ts'
import { fieldsOf, timeOut } from '../db/fields.ts'
import { type Page, type PageQuery, pageOf } from '../db/page.ts'
import type { Reader, Row } from '../db/tables.ts'
import { Conflict, NotFound } from '../errors.ts'
import { maskText } from '../logging/mask.ts'
import { isRetrying, isTimer } from './outbox-gauges.ts'

export const EffectListing = z
  .object({
    effect_id: z.string(),
    tenant_id: z.string().nullable(),
    kind: z.string(),
    status: z.enum(['pending', 'done', 'failed']),
    attempts: z.int(),
    due_at: timeOut,
    claimed_until: timeOut.nullable(),
    last_error: z.string().nullable(),
    created_at: timeOut,
  })
  .meta({ id: 'Effect' })
export type EffectListing = z.infer<typeof EffectListing>

export type EffectStatus = Row<'effects'>['status']

export type EffectFilter = {
  status?: EffectStatus | undefined
  /** Calls wait for Stripe, timers for their time. */
  waitsFor?: 'stripe' | 'time' | undefined
  /** Calls that have failed at least once, and are tried again. */
  retrying?: boolean | undefined
}

/** The outbox, newest first. @throws InvalidRequest on `cursor` */
export async function listEffects(
  reader: Reader,
  { status, waitsFor, retrying }: EffectFilter,
  page: PageQuery,
): Promise<Page<EffectListing>> {
  let query = reader.selectFrom('effects').select(fieldsOf(EffectListing))
  if (status !== undefined) query = query.where('status', '=', status)
  if (waitsFor !== undefined)
    query = query.where((eb) => (waitsFor === 'time' ? isTimer(eb) : eb.not(isTimer(eb))))
  if (retrying) query = query.where(isRetrying)
  return pageOf(query, page, 'effect_id', masked)
}

/**
 * Carries a pending effect out now, and answers what became of it: `last_error` says why it is pending still.
 * @throws NotFound; Conflict when it has ended, or is being carried out elsewhere
 */
export async function retryEffect(context: AppContext, effectId: string): Promise<EffectListing> {
  const before = await effectOf(context.db.reader, effectId)
  if (before.status !== 'pending')
    throw new Conflict(
      before.status === 'done'
        ? 'This is done already'
        : 'This was refused for good, as `last_error` and the log say; the next request of that step makes a new call',
      { status: before.status },
    )
  try {
    await context.effects.run(effectId)
  } catch (error) {
    // What went wrong stands in the row by now. A lease that somebody else holds does not.
    if (error instanceof Conflict) throw error
    context.log.warn({ err: error, effect_id: effectId }, 'an effect that an operator tried again failed')
  }
  return masked(await effectOf(context.db.reader, effectId))
}

async function effectOf(reader: Reader, effectId: string): Promise<EffectListing> {
  const row = await reader
    .selectFrom('effects')
    .select(fieldsOf(EffectListing))
    .where('effect_id', '=', effectId)
    .executeTakeFirst()
  if (row === undefined) throw new NotFound('effect')
  return row
}

const masked = (effect: EffectListing): EffectListing => ({
  ...effect,
  last_error: effect.last_error === null ? null : maskText(effect.last_error),
})
