import { duesOf } from './dues.ts'
import { type Entry, type Instant, ofKind, type SubscriptionObservation, type UsageType } from './history.ts'
import { outcomesOf } from './invoices.ts'
import { chargedCents, type Line } from './lines.ts'
import { type Billing, makeFirstBase, makeOwnInvoice } from './making.ts'
import { isDraft, missedDraft, takeInInvoice } from './renewals.ts'
import { linesWait, subscriptionsOf } from './subscriptions.ts'

/** What an entry does to the lines, at once. */
export function takeIn(billing: Billing, entry: Entry): void {
  const { known, lines } = billing
  known.push(entry)
  const onIt = 'invoice' in entry ? lines.filter(({ invoice }) => invoice === entry.invoice) : []
  switch (entry.kind) {
    case 'subscription':
      takeInSubscription(billing, entry)
      break
    case 'invoice_created':
      takeInInvoice(billing, entry)
      break
    case 'deleted':
      takeOff(onIt)
      break
    case 'lines_refused': {
      takeOff(onIt.filter(({ type }) => (entry.type ?? type) === type))
      const subscription = subscriptionsOf(known).find(({ id }) => id === onIt[0]?.subscription)
      if (subscription !== undefined) missedDraft(billing, subscription, entry.at)
      break
    }
    case 'item_edited': {
      const line = onIt.find(({ window, type }) => window === entry.window && type === entry.type)
      if (line !== undefined) line.itemCents = BigInt(entry.cents)
      break
    }
    case 'rebill': {
      const voided = outcomesOf(known, entry.invoice).some(({ kind }) => kind === 'voided')
      for (const line of onIt) line.chargedCents = voided ? 0n : line.itemCents
      break
    }
    case 'usage_forgive':
      if (entry.window !== null) forgive(billing, entry.window, entry.type, entry)
      break
    default: // The rest only changes what is known.
  }
}

function takeInSubscription(billing: Billing, entry: SubscriptionObservation): void {
  const subscription = subscriptionsOf(billing.known).find(({ id }) => id === entry.subscription)
  if (subscription === undefined) return
  const before = subscription.observations.at(-2)
  if (before === undefined) makeFirstBase(billing, subscription)
  if (entry.collectionPaused && !before?.collectionPaused && !linesWait(entry))
    makeOwnInvoice(billing, subscription, entry.at, true)
  if (entry.endedAt !== null && before?.endedAt === null)
    for (const created of ofKind(billing.known, 'invoice_created'))
      if (created.subscription === subscription.id && isDraft(billing.known, created))
        takeOff(billing.lines.filter(({ invoice }) => invoice === created.invoice))
}

function takeOff(lines: readonly Line[]): void {
  for (const line of lines) {
    line.itemCents = 0n
    line.chargedCents = 0n
  }
}

function forgive({ known, lines }: Billing, start: Instant, type: UsageType | null, entry: Entry): void {
  for (const due of duesOf(known, entry.at)) {
    const cents = due.cents - chargedCents(lines, due)
    if (due.window.start !== start || (type ?? due.type) !== due.type || cents <= 0n) continue
    lines.push({
      subscription: due.window.subscription.id,
      window: start,
      type: due.type,
      invoice: null,
      creditNote: false,
      quantity: due.quantity,
      cents,
      itemCents: 0n,
      chargedCents: cents,
      madeAt: entry.at,
      uptoPosition: entry.position,
    })
  }
}
