import type { Turn } from '../effects/turn.ts'
import { streams } from '../log/facts.ts'
import { lastPosition } from '../log/read.ts'
import { cardAt } from '../pricing/price.ts'
import { followAccess } from './access.ts'
import { tellStuck } from './alarms.ts'
import { countDues } from './dues.ts'
import { chargeKey, closingId, firstBaseKey } from './keys.ts'
import { type Known, knownOf, type Window } from './known.ts'
import { differencesOf, notesFor } from './lines.ts'
import { countedDue, makeLines, takesNotes, toMake } from './make.ts'
import { draftToAskFor, type Moment, missesWait, nextMoment, ownInvoiceMs } from './moments.ts'
import { later, latest, minuteMs } from './months.ts'
import { isOver, openWindow, subscriptionOf, windowsOf } from './subscription.ts'
import { windowToClose, windowToOpen } from './windows.ts'

/**
 * Does for a tenant all that is due by now, in the order of time: windows open and close, lines are made on drafts of renewals and on
 * invoices of our own; what the tenant may use follows its payments. Then sets the timer for what comes next. Called when Stripe shows a subscription or an invoice, by the timer,
 * and by whoever changes what is due; called twice, it does nothing more.
 */
export async function billTenant(turn: Turn, tenantId: string): Promise<void> {
  const worker = turn.as({ actor: 'worker' })
  for (;;) {
    const known = await knownOf(worker.trx, tenantId)
    if (known.subscriptions.length === 0) return
    if (!(await doNext(worker, known))) return wakeForNext(worker, known)
  }
}

/** The first thing that is due. False: nothing is. */
async function doNext(turn: Turn, known: Known): Promise<boolean> {
  const window = openWindow(known)
  const subscription = window && subscriptionOf(known, window)
  const closing = window && subscription && windowToClose(window, subscription, turn.now)
  const moment = nextMoment(known, turn.now)
  if (window !== undefined && closing !== undefined && !(moment !== undefined && moment.at < closing.end)) {
    await close(turn, known, window, closing)
    return true
  }
  if (moment !== undefined && moment.at <= turn.now) {
    await make(turn, known, moment)
    return true
  }
  const opening = windowToOpen(known, turn.now)
  if (opening !== undefined) {
    await open(turn, known, opening)
    return true
  }
  return noticeLate(turn, known)
}

async function open(
  turn: Turn,
  known: Known,
  data: NonNullable<ReturnType<typeof windowToOpen>>,
): Promise<void> {
  const { tenantId } = known
  const subscription = subscriptionOf(known, data)
  const id = `window:${data.subscription_id}:${data.start}`
  await turn.record(streams.usage(tenantId), [
    { fact_id: id, type: 'usage.window_opened', tenant_id: tenantId, data },
  ])
  const { made_under, first_base_cents, currency, customer_id, latest_invoice_id } = subscription
  if (made_under === null || first_base_cents === null || first_base_cents === 0) return
  const first = known.invoices.find(
    ({ subscription_id, billing_reason }) =>
      subscription_id === data.subscription_id && billing_reason === 'subscription_create',
  )
  const line_id = firstBaseKey(made_under)
  await turn.record(streams.usage(tenantId), [
    {
      fact_id: `line:${line_id}`,
      type: 'usage.line_asked',
      tenant_id: tenantId,
      data: {
        line_id,
        subscription_id: data.subscription_id,
        window_start: data.start,
        usage_type: 'platform_base',
        kind: 'first',
        invoice_id: first?.invoice_id ?? latest_invoice_id,
        invoice_key: null,
        customer_id,
        currency: currency ?? '',
        quantity: '1',
        amount_cents: first_base_cents,
        upto_position: await lastPosition(turn.trx),
        description: 'Platform base',
        personal: { reason: null },
      },
    },
  ])
}

async function close(
  turn: Turn,
  known: Known,
  window: Window,
  { end, next }: NonNullable<ReturnType<typeof windowToClose>>,
): Promise<void> {
  const counted = await countDues(turn.trx, known, [{ ...window, ends_at: end }])
  const dues = counted.filter(({ quantity, cents }) => quantity > 0n || cents > 0n).map(countedDue)
  tellStuck(turn, known.tenantId, window.window_id, dues)
  await turn.record(streams.usage(known.tenantId), [
    {
      fact_id: closingId(window.window_id),
      type: 'usage.window_closed',
      tenant_id: known.tenantId,
      data: {
        subscription_id: window.subscription_id,
        start: window.starts_at,
        end,
        dues,
        rate_card_id: cardAt(known.cards, end).rate_card_id,
        upto_position: await lastPosition(turn.trx),
        next,
      },
    },
  ])
}

function make(turn: Turn, known: Known, moment: Moment): Promise<void> {
  const { subscription } = moment
  const own = (key: string) => ({ invoiceKey: chargeKey(known.tenantId, 'own', key) })
  const of = { moment: moment.moment, window_start: null, invoice_id: null }
  switch (moment.moment) {
    case 'draft':
    case 'again': {
      const { window, invoice, takesLines, moment: name } = moment
      const invoiceId = invoice.invoice_id
      return makeLines(turn, known, subscription, {
        ...of,
        window_start: window.starts_at,
        invoice_id: invoiceId,
        key: `${window.window_id}:${name}`,
        target: takesLines ? { invoiceId } : null,
      })
    }
    case 'missed':
      turn.log.error(
        { tenant_id: known.tenantId, invoice_id: moment.invoice.invoice_id },
        'the draft of a renewal was final before its lines were on it',
      )
      return makeLines(turn, known, subscription, {
        ...of,
        window_start: moment.window.starts_at,
        invoice_id: moment.invoice.invoice_id,
        key: `${moment.window.window_id}:missed`,
        target: moment.makes ? own(`${moment.window.window_id}:missed`) : null,
      })
    case 'window_end': {
      const { window, makes } = moment
      const key = `${window.window_id}:window_end`
      return makeLines(turn, known, subscription, {
        ...of,
        window_start: window.starts_at,
        key,
        target: makes ? own(key) : null,
      })
    }
    case 'pause': {
      const key = `${subscription.subscription_id}:pause:${moment.pausedAt}`
      return makeLines(turn, known, subscription, { ...of, key, target: moment.makes ? own(key) : null })
    }
    case 'late': {
      const key = `${subscription.subscription_id}:late:${moment.at}`
      return makeLines(turn, known, subscription, { ...of, key, target: own(key) })
    }
  }
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

/** Something has come for a subscription that has ended, and whose last invoice is made: an hour later it goes on one more. */
async function noticeLate(turn: Turn, known: Known): Promise<boolean> {
  for (const subscription of known.subscriptions) {
    const own = windowsOf(known, subscription)
    const last = own.at(-1)
    if (!isOver(subscription) || last === undefined || last.late_at !== null) continue
    if (own.some(({ billed_at, closed_at }) => billed_at === null || closed_at === null)) continue
    const { dues } = await toMake(turn, known, subscription)
    const hasToMake = differencesOf(dues, known.lines).some(
      (difference) =>
        difference.cents > 0n || notesFor(difference, known.lines, takesNotes(known)).length > 0,
    )
    if (!hasToMake) continue
    const make_at = later(turn.now, ownInvoiceMs)
    const { subscription_id } = subscription
    await turn.record(streams.usage(known.tenantId), [
      {
        fact_id: `late:${subscription_id}:${make_at}`,
        type: 'usage.late_noticed',
        tenant_id: known.tenantId,
        data: { subscription_id, make_at },
      },
    ])
    return true
  }
  return false
}

async function wakeForNext(turn: Turn, known: Known): Promise<void> {
  const { tenantId } = known
  await takeOffDrafts(turn, known)
  const draft = draftToAskFor(known, turn.now)
  if (draft !== undefined && draft.at <= turn.now) await askForDraft(turn, tenantId, draft.window, known)
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
  // The setting of the grace period may have changed.
  const late = await turn.trx
    .selectFrom('billing_access')
    .select('tenant_id')
    .where('failing_since', 'is not', null)
    .execute()
  for (const { tenant_id } of [...rows, ...late])
    await turn.wake({ ...billTimer(tenant_id), dueAt: turn.now })
}

/** A subscription has ended while its renewal was a draft: our items are taken off that again, for the last invoice. */
async function takeOffDrafts(turn: Turn, known: Known): Promise<void> {
  const drafts = known.invoices.filter(
    ({ status, subscription_id }) =>
      status === 'draft' &&
      known.subscriptions.some((each) => each.subscription_id === subscription_id && isOver(each)),
  )
  const lines = known.lines.filter(
    ({ invoice_id, kind, item_cents }) =>
      kind === 'item' && item_cents !== 0 && drafts.some((draft) => draft.invoice_id === invoice_id),
  )
  for (const { line_id } of lines)
    if (await isThere(turn, line_id))
      await turn.enqueue({
        effectId: `${line_id}:off`,
        tenantId: known.tenantId,
        stream: streams.usage(known.tenantId),
        kind: 'delete_invoice_item',
        params: { fact_id: line_id },
      })
}

/** One that is still being made is taken off once it is there. */
async function isThere(turn: Turn, lineId: string): Promise<boolean> {
  const item = await turn.trx
    .selectFrom('billing_invoice_items')
    .select('item_id')
    .where('made_under', '=', lineId)
    .executeTakeFirst()
  return item !== undefined
}

async function askForDraft(turn: Turn, tenantId: string, window: Window, known: Known): Promise<void> {
  const { customer_id: customerId } = subscriptionOf(known, window)
  await turn.enqueue({
    effectId: `list:${customerId}:${window.window_id}:${turn.now.slice(0, 16)}`,
    tenantId,
    stream: streams.billing(tenantId),
    kind: 'list_customer',
    params: { customer_id: customerId, since: Math.floor(Date.parse(window.ends_at) / 1000) - 60 },
  })
}
