import type Stripe from 'stripe'
import { endDiscounts } from '../catalogue/discount.ts'
import { voidInvoice } from '../invoices/invoicing.ts'
import { idOf } from '../objects/ids.ts'
import { mustFind, type Turn } from '../objects/turn.ts'
import { bill } from './billing.ts'
import { cancelSubscription, invoicesOf } from './cancel.ts'
import { awaitNextMoment, kindsOfMoment, momentsOf } from './moments.ts'
import { startItem } from './periods.ts'
import { asPreview, undone } from './preview.ts'
import { changeSubscription, expireSubscription } from './subscription-status.ts'
import { endTrialWithoutMethod, lacksMethod, tellTrialEnd } from './trial.ts'

type Rule = (turn: Turn, subscription: Stripe.Subscription) => void

const rules: Record<(typeof kindsOfMoment)[number], Rule> = {
  expire: expireIncomplete,
  resume_collection: (turn, subscription) =>
    changeSubscription(turn, subscription, { ...subscription, pause_collection: null }),
  end_discounts: dropEndedDiscounts,
  cancel: (turn, subscription) => cancelSubscription(turn, subscription, { lastInvoice: 'in_an_hour' }),
  begin_period: beginNextPeriod,
  tell_trial_end: tellTrialEnd,
  tell_upcoming: tellUpcoming,
}
const told = new Set<string>(['tell_trial_end', 'tell_upcoming'])

/** Plays what happens to a subscription at this moment; see `moments.ts`. */
export function advanceSubscription(turn: Turn, id: string): void {
  play(turn, id)
  const after = turn.store.find('subscription', id)
  if (after) awaitNextMoment(turn, after)
}

/** A subscription's next invoice, by playing what comes until there is one. It is for the caller to undo all that. */
export function previewNextInvoice(
  turn: Turn,
  subscription: Stripe.Subscription,
): Stripe.Invoice | undefined {
  const { id, latest_invoice: before } = subscription
  for (;;) {
    const {
      tell_trial_end: _,
      tell_upcoming: __,
      ...moments
    } = momentsOf(turn, mustFind(turn, 'subscription', id))
    const now = Math.min(...Object.values(moments).filter((at) => at !== null))
    if (now === Number.POSITIVE_INFINITY) return undefined
    const then = { ...turn, now, nowMs: now * 1000 }
    play(then, id, { tells: false })
    const latest = idOf(mustFind(turn, 'subscription', id).latest_invoice)
    if (latest !== null && latest !== idOf(before)) return asPreview(then, mustFind(turn, 'invoice', latest))
  }
}

function play(turn: Turn, id: string, { tells } = { tells: true }): void {
  for (const kind of kindsOfMoment) {
    const subscription = mustFind(turn, 'subscription', id)
    const at = momentsOf(turn, subscription)[kind]
    const plays = told.has(kind) ? tells && at === turn.now : at !== null && at <= turn.now
    if (plays) rules[kind](turn, subscription)
  }
}

/** 23 hours without a first payment: the subscription never was, and its invoice is void. */
function expireIncomplete(turn: Turn, subscription: Stripe.Subscription): void {
  const open = invoicesOf(turn, subscription, 'open')
  for (const invoice of open) voidInvoice(turn, invoice)
  if (open.length === 0) expireSubscription(turn, subscription)
}

/** Periods that are over are followed by the next, trials by the first that is paid. */
function beginNextPeriod(turn: Turn, before: Stripe.Subscription): void {
  const trialIsOver = before.status === 'trialing'
  if (trialIsOver && lacksMethod(turn, before)) {
    endTrialWithoutMethod(turn, before)
    return
  }
  const current = trialIsOver ? { ...before, status: 'active' as const } : before
  const begun = current.items.data
    .filter((item) => item.current_period_end <= turn.now)
    .map((item) => startItem(current, item, item.current_period_end))
  const data = current.items.data.map((item) => begun.find(({ id }) => id === item.id) ?? item)
  bill(
    turn,
    before,
    { ...current, items: { ...current.items, data } },
    { reason: 'subscription_cycle', begun, collects: 'in_an_hour' },
  )
}

function dropEndedDiscounts(turn: Turn, subscription: Stripe.Subscription): void {
  const ended = subscription.discounts
    .map((each) => idOf(each))
    .filter((id) => (turn.store.find('discount', id)?.end ?? Number.POSITIVE_INFINITY) <= turn.now)
  const discounts = subscription.discounts.filter((each) => !ended.includes(idOf(each)))
  changeSubscription(turn, subscription, { ...subscription, discounts })
  endDiscounts(turn, ended)
}

function tellUpcoming(turn: Turn, subscription: Stripe.Subscription): void {
  const upcoming = undone(turn, () => previewNextInvoice(turn, subscription))
  if (!upcoming) return
  const { id: _none, ...unborn } = upcoming
  // The one object without an id that an event can have.
  turn.emit('invoice.upcoming', unborn as Stripe.Invoice)
}
