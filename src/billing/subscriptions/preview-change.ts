import { z } from 'zod'
import { knownOf } from '../../charges/known.ts'
import { type NextInvoice, nextInvoiceOf } from '../../charges/next-invoice.ts'
import type { Pending } from '../../charges/renewal.ts'
import { cancelsAt, isCollectionPaused, isOver } from '../../charges/subscription.ts'
import { pauseLines, suppose, withLines } from '../../charges/suppose.ts'
import { type AppContext, requireStripe } from '../../context.ts'
import type { Caller } from '../../log/by.ts'
import { itemsOf } from '../../outbox/requests/change-subscription.ts'
import { subscriptionRefusal } from '../../outbox/requests/create-subscription.ts'
import { readConsistently } from '../../projections/consistent-read.ts'
import { askStripe } from '../../stripe/ask-stripe.ts'
import { ownSubscription, type SubscriptionRow } from '../../views/subscriptions.ts'
import { afterChange, afterPlanChange, pendingCentsIn } from './after-change.ts'
import { Cancellation, cancellation } from './cancel.ts'
import { PlanChange, planChange } from './change-plan.ts'
import {
  type ChangePreview,
  type Foretold,
  type PlanPreview,
  shownInvoice,
  shownPlan,
} from './change-preview.ts'
import type { Change } from './modify.ts'
import { pause } from './pause.ts'
import { resumption } from './resume.ts'

const empty = z.strictObject({})

/** Which change, and what its own route takes. Without `change` it is one of the plan. */
export const ChangeToPreview = z.discriminatedUnion('change', [
  PlanChange.extend({ change: z.literal('plan').optional() }),
  Cancellation.extend({ change: z.literal('cancel') }),
  empty.extend({ change: z.literal('resume') }),
  empty.extend({ change: z.literal('pause') }),
])
export type ChangeToPreview = z.infer<typeof ChangeToPreview>

/**
 * What a change would cost if it were made now: what it makes due at once, and the next invoice after it, with our own lines. It goes the
 * way of the change up to Stripe's door, refusals included, and changes nothing.
 * @throws as the change itself
 */
export async function previewChange(
  context: AppContext,
  by: Caller,
  subscriptionId: string,
  asked: ChangeToPreview,
): Promise<ChangePreview> {
  requireStripe(context)
  if ('price_id' in asked) return previewPlan(context, by, subscriptionId, asked)
  const row = await ownSubscription(context.db.reader, subscriptionId, by)
  const now = context.now().toISOString()
  const after = afterChange(row, changeOf(asked).decide(row), now)
  return { change: asked.change, ...(await foretell(context, row, { after, now })) }
}

type Other = Exclude<ChangeToPreview, { price_id: string }>

function changeOf(asked: Other): Change {
  if (asked.change === 'cancel') return cancellation(asked)
  return asked.change === 'resume' ? resumption : pause
}

async function previewPlan(
  context: AppContext,
  by: Caller,
  subscriptionId: string,
  asked: PlanChange,
): Promise<PlanPreview> {
  const stripe = requireStripe(context)
  const { price, wanted, decide } = await planChange(context, asked)
  const row = await ownSubscription(context.db.reader, subscriptionId, by)
  decide(row)
  const invoice = await askStripe(() =>
    stripe.preview({
      customer: row.customer_id,
      subscription: subscriptionId,
      subscription_details: {
        items: itemsOf(row, price.price_id),
        proration_behavior: asked.proration_behavior,
      },
    }),
  ).catch((error) => {
    throw subscriptionRefusal(error)
  })
  const now = context.now().toISOString()
  const priced = { productId: price.product_id, amountCents: price.amount_cents * row.quantity }
  const { after, isBilled, pending } = afterPlanChange(row, { ...wanted, ...priced, now }, invoice)
  const due = isBilled && invoice !== null ? stripesInvoice(invoice, now) : null
  const foretold = await foretell(context, row, { after, now, due, pending })
  return { ...shownPlan(invoice, price, row.quantity), ...foretold, change: 'plan', currency: price.currency }
}

/** Stripe's own has the plan and what was waiting, and nothing of ours. */
function stripesInvoice(
  invoice: Parameters<typeof pendingCentsIn>[0] & { total: number },
  at: string,
): NextInvoice {
  const pendingCents = pendingCentsIn(invoice)
  return { at, planCents: invoice.total - pendingCents, pendingCents, lines: [], totalCents: invoice.total }
}

/** What comes of a subscription that Stripe will show so: by the rules by which it is charged. */
function foretell(
  { db }: AppContext,
  row: SubscriptionRow,
  {
    after,
    now,
    due = null,
    pending,
  }: { after: SubscriptionRow; now: string; due?: NextInvoice | null; pending?: readonly Pending[] },
): Promise<Foretold> {
  return readConsistently(db, async (reader) => {
    const known = suppose(await knownOf(reader, row.tenant_id), after, now)
    const isPausing = isCollectionPaused(after) && !isCollectionPaused(row)
    const lines = isPausing ? await pauseLines(reader, known, after) : []
    const totalCents = lines.reduce((sum, { cents }) => sum + Number(cents), 0)
    const atOnce = lines.length === 0 ? due : { at: now, planCents: 0, pendingCents: 0, lines, totalCents }
    const next = await nextInvoiceOf(reader, withLines(known, lines, now), pending)
    const endsAt = after.ended_at ?? cancelsAt(after)
    return {
      subscription_id: row.subscription_id,
      currency: row.currency,
      due_now: atOnce && shownInvoice(atOnce),
      next_invoice: next && shownInvoice(next),
      renews_at: isOver(after) || endsAt !== null ? null : after.current_period_end,
      ends_at: endsAt,
    }
  })
}
