import { isDue } from '../../machines/invoice.ts'
import { tellSecond } from '../charges/alarms.ts'
import { billTenant } from '../charges/bill.ts'
import type { Trx } from '../db/tables.ts'
import { dropRetries, renewCards } from '../effects/payment-retries.ts'
import type { Turn } from '../effects/turn.ts'
import type { Sighting } from '../log/sighting.ts'
import { idOf, memberOf } from '../projections/read-value.ts'
import { discountsIn } from '../projections/subscription-discounts.ts'
import { isSellers, type StripeObjectType, stripeObjectTypes } from '../stripe/object-types.ts'
import { isPinned } from '../stripe/webhook.ts'
import { enqueueRefresh } from './enqueue-refresh.ts'
import type { EventFact } from './event-fact.ts'
import { releaseParked } from './parking.ts'
import { tellSessions } from './sessions/tell-sessions.ts'
import { takeUpCard } from './take-up-card.ts'

/** Told once the object is in the log and the tables, in the same turn. */
type Listener = {
  on: readonly StripeObjectType[]
  /** What became of the event; an answer is applied. By default `applied`. */
  hears?: readonly Sighting['disposition'][]
  /** By default always. @param before the time of what the object's row showed before, unix seconds */
  when?: (trx: Trx, sighting: Sighting, before: number | undefined) => boolean | Promise<boolean>
  /** @param takeIn for who takes more in; it is not told of that */
  tell: (
    turn: Turn,
    sighting: Sighting,
    takeIn: (turn: Turn, fact: EventFact) => Promise<boolean>,
  ) => Promise<void>
}

const askAgain: Listener['tell'] = (turn, sighting) => enqueueRefresh(turn, sighting, sighting.cause)

/** What happens when Stripe shows an object, be it in an event such as `invoice.created` or in an answer: in this order. */
export const listeners: Record<string, Listener> = {
  // The steps of onboarding go on, or the session ends.
  tell_sessions: { on: ['customer', 'setup_intent', 'payment_method', 'subscription'], tell: tellSessions },
  // Another card of a paying tenant is confirmed: it pays from here on, and what is open.
  take_up_card: { on: ['setup_intent'], tell: takeUpCard },
  // What is over is not paid again.
  drop_retries: { on: ['invoice'], tell: dropOwnRetries },
  // Another card of the subscription's, put there at Stripe too, pays what is tried again.
  renew_cards: { on: ['subscription'], tell: renewOwnersCards },
  // Service months begin and end; the draft of a renewal gets its lines.
  bill_tenant: { on: ['subscription', 'invoice', 'invoice_payment'], tell: billOwner },
  // Two events of one second cannot be ordered: Stripe is asked what is true.
  settle_tie: { on: stripeObjectTypes, when: isTie, tell: askAgain },
  // An event has the ids of a subscription's discounts alone; what they take off decides about the next invoice.
  learn_terms: { on: ['subscription'], when: lacksTerms, tell: askAgain },
  // What another API version says is read by nobody, or, of a released event, shown until the answer replaces it.
  read_at_our_version: {
    on: stripeObjectTypes,
    hears: ['applied', 'refetched'],
    when: isOfAnotherVersion,
    tell: askAgain,
  },
  // What was given back of a payment stands on no invoice: it is asked for with the payment.
  refresh_returned: { on: ['refund', 'dispute'], hears: ['applied', 'refetched'], tell: refreshReturned },
  // What was credited stands on the invoice, of which no event may tell.
  refresh_credited: { on: ['credit_note'], tell: refreshCredited },
  // A customer has become a tenant's: the events about it that came too early are taken in now.
  release_parked: {
    on: ['customer'],
    tell: (turn, { objectId }, takeIn) => releaseParked(turn, objectId, takeIn),
  },
}

function refreshCredited(turn: Turn, { object, tenantId, cause }: Sighting): Promise<void> {
  const objectId = idOf(memberOf(object, 'invoice'))
  if (objectId === null) return Promise.resolve()
  return enqueueRefresh(turn, { objectType: 'invoice', objectId, tenantId }, cause)
}

function refreshReturned(turn: Turn, { object, tenantId, cause }: Sighting): Promise<void> {
  const objectId = idOf(memberOf(object, 'payment_intent'))
  if (objectId === null) return Promise.resolve()
  return enqueueRefresh(turn, { objectType: 'invoice_payment', objectId, tenantId }, cause)
}

async function dropOwnRetries(turn: Turn, { objectId, tenantId }: Sighting): Promise<void> {
  const invoice = await turn.trx
    .selectFrom('billing_invoices')
    .select(['status', 'made_under'])
    .where('invoice_id', '=', objectId)
    .executeTakeFirst()
  if (tenantId === null || invoice === undefined || invoice.made_under === null) return
  if (!isDue(invoice.status)) await dropRetries(turn, tenantId, invoice.made_under)
}

async function renewOwnersCards({ trx }: Turn, { tenantId }: Sighting): Promise<void> {
  if (tenantId !== null) await renewCards(trx, tenantId)
}

async function billOwner(turn: Turn, { tenantId, objectType }: Sighting): Promise<void> {
  if (tenantId === null) return
  if (objectType === 'subscription') await tellSecond(turn, tenantId)
  await billTenant(turn, tenantId)
}

/** A `created` is never the later one, and what is deleted stays so, where its id is not used again. */
function isTie(_trx: Trx, sighting: Sighting, before: number | undefined): boolean {
  const { event, asOf, isDeleted, objectType } = sighting
  if (isDeleted && !isSellers(objectType)) return false
  return event !== null && before === asOf && !event.type.endsWith('.created')
}

function isOfAnotherVersion(_trx: Trx, { event }: Sighting): boolean {
  return event !== null && !isPinned(event)
}

async function lacksTerms(trx: Trx, { event, objectId }: Sighting): Promise<boolean> {
  if (event === null) return false
  const row = await trx
    .selectFrom('billing_subscriptions')
    .select('discounts')
    .where('subscription_id', '=', objectId)
    .executeTakeFirst()
  return discountsIn(row?.discounts ?? '[]').some(({ coupon_id }) => coupon_id === null)
}
