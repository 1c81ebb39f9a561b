import type { Entry, History } from '../model.ts'
import { timeText } from './numbers.ts'

/** A tenant's history for people, a line an entry, in the order of the log. What repeats the line before it is left out. */
export function historyText(history: History): string[] {
  let lastSubscription = ''
  return history.flatMap((entry) => {
    const text = entryText(entry)
    if (entry.kind === 'subscription' && text === lastSubscription) return []
    if (entry.kind === 'subscription') lastSubscription = text
    return [`${timeText(entry.at)}  ${text}`]
  })
}

function entryText(entry: Entry): string {
  switch (entry.kind) {
    case 'rate_card':
      return `rate card from ${timeText(entry.effectiveAt)}`
    case 'usage': {
      const occurred = entry.occurredAt === entry.at ? '' : ` at ${timeText(entry.occurredAt)}`
      return `${entry.action} ${entry.type} ${entry.quantity}${occurred} (${entry.record})`
    }
    case 'usage_void':
      return `void ${entry.record}`
    case 'subscription':
      return subscriptionText(entry)
    case 'invoice_created':
      return `${entry.draft ? 'draft' : 'final'} ${entry.invoice} (${entry.reason}, boundary ${timeText(entry.boundary)}, made ${timeText(entry.createdAt)}), plan ${entry.planCents}`
    case 'finalized':
    case 'paid':
      return `${entry.kind} ${entry.invoice}${entry.balanceCents === 0 ? '' : `, balance ${entry.balanceCents}`}`
    case 'payment_failed':
      return `payment failed ${entry.invoice}${entry.failedAt === entry.at ? '' : ` at ${timeText(entry.failedAt)}`}`
    case 'voided':
    case 'deleted':
    case 'uncollectible':
    case 'rebill':
      return `${entry.kind} ${entry.invoice}`
    case 'lines_refused':
      return `lines refused on ${entry.invoice}: ${entry.type ?? 'all'}`
    default:
      return JSON.stringify(entry)
  }
}

function subscriptionText(entry: Extract<Entry, { kind: 'subscription' }>): string {
  const { subscription, status, trialEndsAt, periodEndsAt, cancelAt, endedAt, plan, pendingCents } = entry
  const { percentOff = null, amountOffCents = null } = entry.discount ?? {}
  return [
    `${subscription} ${status} since ${timeText(entry.startedAt)}`,
    `${plan.interval} ${plan.amountCents}`,
    `period to ${timeText(periodEndsAt)}`,
    ...(trialEndsAt === null ? [] : [`trial to ${timeText(trialEndsAt)}`]),
    ...(cancelAt === null ? [] : [`cancels ${timeText(cancelAt)}`]),
    ...(endedAt === null ? [] : [`ended ${timeText(endedAt)}`]),
    ...(entry.collectionPaused ? ['paused'] : []),
    ...(pendingCents === 0 ? [] : [`pending ${pendingCents}`]),
    ...(entry.discount === null ? [] : [`discount ${percentOff ?? amountOffCents}`]),
    ...(entry.madeByUs ? [] : ['not ours']),
  ].join(', ')
}
