import { z } from 'zod'
import type { NextInvoice } from '../../charges/next-invoice.ts'
import { lineText } from '../../charges/words.ts'
import { cents, timeOut } from '../../db/fields.ts'
import { usageTypes } from '../../db/usage-types.ts'
import type { PriceTerms } from '../../inbox/catalogue/price-terms.ts'
import type { StripeObjects } from '../../stripe/object-types.ts'
import { isProration } from './after-change.ts'

const ForetoldInvoice = z
  .object({
    made_at: timeOut,
    total_cents: cents.meta({ description: "Before the customer's balance and tax" }),
    plan_cents: cents.meta({ description: 'After discount; 0 where no period of the plan begins with it' }),
    pending_cents: cents.meta({
      description: 'Prorations, and what else waits at Stripe; below zero: a credit',
    }),
    lines: z
      .array(
        z.object({
          usage_type: z.enum(usageTypes),
          window_start: timeOut.meta({ description: 'The service month that it is for' }),
          window_end: timeOut,
          quantity: z.int(),
          amount_cents: cents,
          description: z.string(),
        }),
      )
      .meta({ description: 'Ours: usage and platform base' }),
  })
  .meta({ id: 'ForetoldInvoice' })

const Foretold = z.object({
  subscription_id: z.string(),
  currency: z.string().nullable(),
  due_now: ForetoldInvoice.nullable().meta({
    description: 'The invoice that the change makes at once; null: none',
  }),
  next_invoice: ForetoldInvoice.nullable().meta({
    description:
      'What the next window end invoices, as usage is now: its total is what `next_invoice_amount_cents` of the status will be',
  }),
  renews_at: timeOut
    .nullable()
    .meta({ description: 'When the next period of the plan begins; null: none will' }),
  ends_at: timeOut.nullable(),
})
export type Foretold = z.infer<typeof Foretold>

const PlanPreview = Foretold.extend({
  change: z.literal('plan'),
  currency: z.string(),
  price_id: z.string(),
  plan_id: z.string(),
  /** Of Stripe's next invoice, after discounts and balance. */
  amount_due_cents: cents,
  subtotal_cents: cents,
  discount_cents: cents,
  /** What the rest of this period costs more, or less. */
  proration_cents: cents,
  /** Of each later period, before discounts. */
  recurring_amount_cents: cents,
  billing_interval: z.string(),
  billing_interval_count: z.int(),
  lines: z
    .array(
      z.object({
        description: z.string().nullable(),
        amount_cents: cents,
        quantity: z.number().nullable(),
        is_proration: z.boolean(),
        period_start: timeOut,
        period_end: timeOut,
      }),
    )
    .meta({ description: "Of Stripe's next invoice: the plan and what waits for it" }),
})
export type PlanPreview = z.infer<typeof PlanPreview>

const OtherPreview = Foretold.extend({ change: z.enum(['cancel', 'resume', 'pause']) })
export type OtherPreview = z.infer<typeof OtherPreview>

export const ChangePreview = z.union([PlanPreview, OtherPreview])
export type ChangePreview = z.infer<typeof ChangePreview>

export const shownInvoice = ({ at, planCents, pendingCents, lines, totalCents }: NextInvoice) => ({
  made_at: at,
  total_cents: totalCents,
  plan_cents: planCents,
  pending_cents: pendingCents,
  lines: lines.map(({ due, cents }) => ({
    usage_type: due.type,
    window_start: due.window.starts_at,
    window_end: due.window.ends_at,
    quantity: Number(due.quantity),
    amount_cents: Number(cents),
    description: lineText(due, cents),
  })),
})

type Invoice = StripeObjects['invoice']

/** What Stripe calculates of a change of plan. @param invoice null: no invoice is to come */
export function shownPlan(invoice: Invoice | null, price: PriceTerms, quantity: number) {
  const lines = (invoice?.lines.data ?? []).map(shownLine)
  return {
    ...{ price_id: price.price_id, plan_id: price.plan_id },
    amount_due_cents: invoice?.amount_due ?? 0,
    subtotal_cents: invoice?.subtotal ?? 0,
    discount_cents: sum((invoice?.total_discount_amounts ?? []).map(({ amount }) => amount)),
    proration_cents: sum(lines.filter((line) => line.is_proration).map((line) => line.amount_cents)),
    recurring_amount_cents: price.amount_cents * quantity,
    billing_interval: price.billing_interval,
    billing_interval_count: price.billing_interval_count,
    lines,
  }
}

const shownLine = (line: Invoice['lines']['data'][number]) => ({
  description: line.description,
  amount_cents: line.amount,
  quantity: line.quantity,
  is_proration: isProration(line),
  period_start: new Date(line.period.start * 1000).toISOString(),
  period_end: new Date(line.period.end * 1000).toISOString(),
})

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
