import type { AppContext } from '../context.ts'
import { type Page, type PageQuery, pageOf, readCursor } from '../db/page.ts'
import type { Reader, Row } from '../db/tables.ts'
import { Conflict, NotFound } from '../errors.ts'
import { maskText } from '../logging/mask.ts'
import { isRetrying, isTimer } from './outbox-gauges.ts'

export type EffectListing = Omit<Row<'effects'>, 'stream' | 'params' | 'updated_at'>

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
  { limit, cursor }: PageQuery,
): Promise<Page<EffectListing>> {
  const after = readCursor(cursor)
  let query = reader.selectFrom('effects').selectAll()
  if (status !== undefined) query = query.where('status', '=', status)
  if (waitsFor !== undefined)
    query = query.where((eb) => (waitsFor === 'time' ? isTimer(eb) : eb.not(isTimer(eb))))
  if (retrying) query = query.where(isRetrying)
  if (after !== undefined)
    query = query.where((eb) =>
      eb.or([
        eb('created_at', '<', after.createdAt),
        eb.and([eb('created_at', '=', after.createdAt), eb('effect_id', '<', after.id)]),
      ]),
    )
  const rows = await query
    .orderBy('created_at', 'desc')
    .orderBy('effect_id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows.map(listing), limit, (effect) => effect.effect_id)
}

/**
 * Carries a pending effect out now, and answers what became of it: `last_error` says why it is pending still.
 * @throws NotFound; Conflict when it has ended, or is being carried out elsewhere
 */
export async function retryEffect(context: AppContext, effectId: string): Promise<EffectListing> {
  const before = await effectRow(context.db.reader, effectId)
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
  return listing(await effectRow(context.db.reader, effectId))
}

async function effectRow(reader: Reader, effectId: string): Promise<Row<'effects'>> {
  const row = await reader
    .selectFrom('effects')
    .selectAll()
    .where('effect_id', '=', effectId)
    .executeTakeFirst()
  if (row === undefined) throw new NotFound('effect')
  return row
}

const listing = ({ stream: _s, params: _p, updated_at: _u, ...row }: Row<'effects'>): EffectListing => ({
  ...row,
  last_error: row.last_error === null ? null : maskText(row.last_error),
})
