import { type History, type Instant, inOrder, minutes, ofKind } from './history.ts'
import { type Billing, hasToMake, makeOwnInvoice } from './making.ts'
import { hasOwnInvoice, putOnRenewal, renewedWindow } from './renewals.ts'
import { endOf, subscriptionsOf } from './subscriptions.ts'
import { takeIn } from './take-in.ts'
import { type Window, windowsOf } from './windows.ts'

/**
 * Walks through a history until an instant, and makes lines where they fall: at entries, and at moments that follow
 * from them. Of an entry and a moment at one instant the entry is first. Decided here:
 * - An end that is learned later than an hour after it has its invoice at once.
 * - What comes for an ended subscription never goes on an invoice of the one that follows it.
 */
export function bill(history: History, now: Instant): Billing {
  const billing: Billing = { known: [], lines: [], own: [] }
  const walk: Walk = { billing, done: new Set(), lateAt: new Map() }
  const entries = inOrder(history).filter(({ at }) => at <= now)
  let clock = entries[0]?.at ?? now
  for (;;) {
    const entry = entries[billing.known.length]
    const moment = nextMoment(walk, clock)
    clock = Math.min(entry?.at ?? Number.POSITIVE_INFINITY, moment?.at ?? Number.POSITIVE_INFINITY)
    if (clock > now) return billing
    if (entry?.at === clock) takeIn(billing, entry)
    else moment?.run()
    scheduleLate(walk, clock)
  }
}

interface Walk {
  readonly billing: Billing
  readonly done: Set<string>
  /** When the next invoice of an ended subscription is due, an hour after the first thing that came for it. */
  readonly lateAt: Map<string, Instant>
}

interface Moment {
  readonly at: Instant
  readonly run: () => void
}

function nextMoment({ billing, done, lateAt }: Walk, clock: Instant): Moment | undefined {
  const { known } = billing
  const moments: Moment[] = []
  const windows = windowsOf(known, clock)
  for (const window of windows) {
    const key = endKey(window)
    const at = Math.max(window.end + minutes(60), window.closesAt, clock)
    if (!done.has(key))
      moments.push({
        at,
        run() {
          done.add(key)
          if (hasOwnInvoice(billing, window)) makeOwnInvoice(billing, window.subscription, at)
        },
      })
  }
  for (const created of ofKind(known, 'invoice_created')) {
    const at = Math.max(created.createdAt + minutes(45), clock)
    if (
      !done.has(created.invoice) &&
      created.createdAt + minutes(45) > created.at &&
      renewedWindow(windows, created) !== undefined
    )
      moments.push({
        at,
        run() {
          done.add(created.invoice)
          putOnRenewal(billing, created, at)
        },
      })
  }
  for (const subscription of subscriptionsOf(known)) {
    const at = lateAt.get(subscription.id)
    if (at !== undefined)
      moments.push({
        at,
        run() {
          lateAt.delete(subscription.id)
          makeOwnInvoice(billing, subscription, at)
        },
      })
  }
  return moments.sort((a, b) => a.at - b.at)[0]
}

function endKey({ subscription, start }: Window): string {
  return `${subscription.id} ${start}`
}

function scheduleLate({ billing, done, lateAt }: Walk, now: Instant): void {
  for (const subscription of subscriptionsOf(billing.known)) {
    if (endOf(subscription) === undefined || lateAt.has(subscription.id)) continue
    const windows = windowsOf(billing.known, now).filter(
      (window) => window.subscription.id === subscription.id,
    )
    if (windows.every((window) => done.has(endKey(window))) && hasToMake(billing, subscription, now))
      lateAt.set(subscription.id, now + minutes(60))
  }
}
