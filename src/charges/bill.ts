import type { Turn } from '../effects/turn.ts'
import { streams } from '../log/facts.ts'
import { lastPosition } from '../log/read.ts'
import { followAccess } from './access.ts'
import { askForDraft, takeOffDrafts } from './drafts.ts'
import { chargeKey } from './keys.ts'
import { type Known, knownOf } from './known.ts'
import { makeLines } from './make.ts'
import { makeMoment, noticeLate } from './make-moment.ts'
import { draftToAskFor, missesWait, nextMoment } from './moments.ts'
import { later, latest, minuteMs } from './months.ts'
import { recordClosing, recordOpening } from './record-windows.ts'
import { openWindow, subscriptionOf } from './subscription.ts'
import { windowToClose, windowToOpen } from './windows.ts'

/**
 * Does for a tenant all that is due by now, in the order of time: windows open and close, lines are made on drafts of renewals and on
 * invoices of our own; what the tenant may use follows its payments. Then sets the timer for what comes next. Called when Stripe shows
 * a subscription or an invoice, by the timer, and by whoever changes what is due; called twice, it does nothing more.
 */
export async function billTenant(turn: Turn, tenantId: string): Promise<void> {
  const worker = turn.as({ actor: 'worker' })
  let done: string | undefined
  for (let round = 0; round < mostRounds; round += 1) {
    const known = await knownOf(worker.trx, tenantId)
    if (known.subscriptions.length === 0) return
    done = await doNext(worker, known)
    if (done === undefined) return wakeForNext(worker, known)
  }
  throw new Error(`What is due for ${tenantId} comes to no end; the last was: ${done}`)
}

/** Ten years of a service that was away have about three for each month. */
const mostRounds = 1000

/** The first thing that is due, in words. Undefined: nothing is. */
async function doNext(turn: Turn, known: Known): Promise<string | undefined> {
  const window = openWindow(known)
  const subscription = window && subscriptionOf(known, window)
  const closing = window && subscription && windowToClose(window, subscription, turn.now)
  const moment = nextMoment(known, turn.now)
  if (window !== undefined && closing !== undefined && !(moment !== undefined && moment.at < closing.end)) {
    await recordClosing(turn, known, window, closing)
    return `${window.window_id} closed at ${closing.end}`
  }
  if (moment !== undefined && moment.at <= turn.now) {
    await makeMoment(turn, known, moment)
    return `${moment.moment} of ${moment.subscription.subscription_id} at ${moment.at}`
  }
  const opening = windowToOpen(known, turn.now)
  if (opening !== undefined) {
    await recordOpening(turn, known, opening)
    return `${opening.subscription_id} opened at ${opening.start}`
  }
  return (await noticeLate(turn, known)) ? 'late usage noticed' : undefined
}

/** Lines were refused by the draft that they were meant for. They do not wait for the next window end when that is far. */
export async function missDraft(
  turn: Turn,
  tenantId: string,
  subscriptionId: string,
  invoiceId: string,
): Promise<void> {
  const known = await knownOf(turn.trx, tenantId)
  const subscription = subscriptionOf(known, { subscription_id: subscriptionId })
  if (!missesWait(known, subscription, turn.now)) return billTenant(turn, tenantId)
  const key = `${subscriptionId}:missed:${invoiceId}:${await lastPosition(turn.trx)}`
  await makeLines(turn, known, subscription, {
    moment: 'missed',
    window_start: null,
    invoice_id: null,
    key,
    target: { invoiceKey: chargeKey(tenantId, 'own', key) },
  })
}

async function wakeForNext(turn: Turn, known: Known): Promise<void> {
  const { tenantId } = known
  await takeOffDrafts(turn, known)
  const draft = draftToAskFor(known, turn.now)
  if (draft !== undefined && draft.at <= turn.now) await askForDraft(turn, known, draft.window)
  const times = [
    openWindow(known)?.ends_at,
    nextMoment(known, turn.now)?.at,
    await followAccess(turn, tenantId),
    draft && latest(draft.at, later(turn.now, minuteMs)),
  ].filter((time) => time !== undefined)
  const dueAt = times.sort()[0]
  if (dueAt !== undefined) await turn.wake({ ...billTimer(tenantId), dueAt })
}

/** The tenant's one timer: everything that is to come for it in time. */
export const billTimer = (tenantId: string) => ({
  effectId: `bill:${tenantId}`,
  tenantId,
  stream: streams.usage(tenantId),
  kind: 'bill_tenant' as const,
  params: { tenant_id: tenantId },
})

/** At a start: the timers follow from the log alone, whatever has become of them. */
export async function wakeBilling(turn: Turn): Promise<void> {
  const rows = await turn.trx
    .selectFrom('billing_windows as w')
    .select('w.tenant_id')
    .distinct()
    .where((eb) =>
      eb.or([eb('w.closed_at', 'is', null), eb('w.billed_at', 'is', null), eb('w.late_at', 'is not', null)]),
    )
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('effects as e')
            .select('e.effect_id')
            .where('e.status', '=', 'pending')
            .where('e.kind', '=', 'bill_tenant')
            .whereRef('e.tenant_id', '=', 'w.tenant_id'),
        ),
      ),
    )
    .execute()
  // The settings by which access is decided may have changed.
  const late = await turn.trx
    .selectFrom('billing_access')
    .select('tenant_id')
    .where('failing_since', 'is not', null)
    .execute()
  const disputed = await turn.trx
    .selectFrom('billing_invoices')
    .select('tenant_id')
    .distinct()
    .where('dispute_status', '=', 'lost')
    .execute()
  for (const { tenant_id } of [...rows, ...late, ...disputed])
    await turn.wake({ ...billTimer(tenant_id), dueAt: turn.now })
}
