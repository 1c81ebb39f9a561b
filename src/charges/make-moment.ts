import type { Turn } from '../effects/turn.ts'
import { streams } from '../log/facts.ts'
import { chargeKey } from './keys.ts'
import type { Known, Subscription } from './known.ts'
import { newDifferences } from './lines.ts'
import { makeLines, newNotes, toMake } from './make.ts'
import { type Moment, ownInvoiceMs } from './moments.ts'
import { dayMs, later } from './months.ts'
import { isOver, windowsOf } from './subscription.ts'

/** Makes the lines of a moment where they go. */
export function makeMoment(turn: Turn, known: Known, moment: Moment): Promise<void> {
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
      const key = `${moment.pauseId}:pause`
      return makeLines(turn, known, subscription, { ...of, key, target: moment.makes ? own(key) : null })
    }
    case 'late': {
      const key = `${subscription.subscription_id}:late:${moment.at}`
      return makeLines(turn, known, subscription, { ...of, key, target: own(key) })
    }
  }
}

/** Something has come for a subscription that has ended, and whose last invoice is made: an hour later it goes on one more. */
export async function noticeLate(turn: Turn, known: Known): Promise<boolean> {
  for (const subscription of known.subscriptions) {
    const own = windowsOf(known, subscription)
    const last = own.at(-1)
    if (!isOver(subscription) || last === undefined || last.late_at !== null) continue
    if (own.some(({ billed_at, closed_at }) => billed_at === null || closed_at === null)) continue
    const { dues } = await toMake(turn, known, subscription)
    const hasToMake = newDifferences(dues, known.lines).some(
      (difference) => difference.cents > 0n || newNotes(known, difference).length > 0,
    )
    if (!hasToMake) continue
    const { subscription_id } = subscription
    const make_at = later(turn.now, lateMs(known, subscription))
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

/** An hour; twice as long each time that Stripe refuses the invoice, a day at most. */
function lateMs({ lines }: Known, { subscription_id }: Subscription): number {
  const keys = lines
    .filter((line) => line.subscription_id === subscription_id && line.invoice_key !== null)
    .map(({ invoice_key, invoice_id, refusal }) => ({
      invoice_key,
      isRefused: invoice_id === null && refusal !== null,
    }))
  const last = keys.findLastIndex(({ isRefused }) => !isRefused)
  const refused = new Set(keys.slice(last + 1).map(({ invoice_key }) => invoice_key)).size
  return Math.min(dayMs, ownInvoiceMs * 2 ** Math.max(0, refused - 1))
}
