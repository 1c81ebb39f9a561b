import { z } from 'zod'
import { usableStatuses } from '../../machines/subscription.ts'
import type { AppContext } from '../context.ts'
import { tenantId, time, timeOut } from '../db/fields.ts'
import type { Reader } from '../db/tables.ts'
import { AppError, NotFound } from '../errors.ts'

/** The time in force, and whether it is played. */
export const PlayedClock = z.object({
  is_sandbox: z.boolean().meta({ description: 'Whether time is played; else it is the machine’s' }),
  now: timeOut,
  is_playing: z.boolean().meta({ description: 'Whether a move is under way; `now` is how far it is' }),
  next_invoice_at: timeOut.nullable().meta({
    description: 'When the next subscription renews, of the tenant that was asked for, or of all',
  }),
})
export type PlayedClock = z.infer<typeof PlayedClock>

export async function playedClock(
  { db, now, sandboxClock }: AppContext,
  ofTenant: string | undefined,
): Promise<PlayedClock> {
  return {
    is_sandbox: sandboxClock !== undefined,
    is_playing: (await sandboxClock?.isPlaying()) ?? false,
    now: now().toISOString(),
    next_invoice_at:
      sandboxClock === undefined ? null : await nextRenewal(db.reader, now().toISOString(), ofTenant),
  }
}

const tenYearsSeconds = 10 * 366 * 24 * 3600

/** How far: one of the three. */
export const ClockMove = z
  .strictObject({
    advance_seconds: z.int().min(1).max(tenYearsSeconds).optional().meta({ example: 86_400 }),
    now: time.optional(),
    to: z.literal('next_invoice').optional(),
    tenant_id: tenantId.optional().meta({ description: 'With `to`: whose; default: whoever’s is next' }),
  })
  .refine(
    ({ advance_seconds, now, to }) =>
      [advance_seconds, now, to].filter((each) => each !== undefined).length === 1,
    'one of advance_seconds, now and to',
  )
export type ClockMove = z.infer<typeof ClockMove>

export const ClockMoved = z.object({
  now: timeOut,
  dropped: z
    .array(z.string())
    .meta({ description: 'Who follows the sandbox and did not go along to the end' }),
})

/**
 * Lets the sandbox play all that happens until then; answers when it is over.
 * @throws NotFound without a sandbox; InvalidRequest for a time that has passed; AppError conflict when nothing renews
 */
export async function moveClock(
  { db, sandboxClock }: AppContext,
  { advance_seconds: seconds, now, tenant_id }: ClockMove,
): Promise<z.infer<typeof ClockMoved>> {
  if (sandboxClock === undefined) throw new NotFound('sandbox: this service goes by real time')
  await sandboxClock.look()
  const from = sandboxClock.now()
  const fromSeconds = Math.floor(from.getTime() / 1000)
  const target = now ?? (seconds === undefined ? await renewal(db.reader, from, tenant_id) : undefined)
  const moved = await sandboxClock.advanceTo(
    target === undefined ? fromSeconds + (seconds ?? 0) : Math.ceil(Date.parse(target) / 1000),
  )
  return { now: new Date(moved.now * 1000).toISOString(), dropped: moved.dropped }
}

async function renewal(reader: Reader, from: Date, ofTenant: string | undefined): Promise<string> {
  const time = await nextRenewal(reader, from.toISOString(), ofTenant)
  if (time === null)
    throw new AppError('conflict', 'No subscription renews: there is no next invoice to go to')
  return time
}

/** When the next period begins of those that renew: of one that ends with its period, no invoice follows. */
async function nextRenewal(
  reader: Reader,
  after: string,
  ofTenant: string | undefined,
): Promise<string | null> {
  const row = await reader
    .selectFrom('billing_subscriptions')
    .select('current_period_end')
    .where('current_period_end', '>', after)
    .where('status', 'in', usableStatuses)
    .where('cancel_at_period_end', '=', 0)
    .where((eb) => eb.or([eb('cancel_at', 'is', null), eb('cancel_at', '>', eb.ref('current_period_end'))]))
    .$if(ofTenant !== undefined, (query) => query.where('tenant_id', '=', ofTenant ?? ''))
    .orderBy('current_period_end')
    .limit(1)
    .executeTakeFirst()
  return row?.current_period_end ?? null
}
