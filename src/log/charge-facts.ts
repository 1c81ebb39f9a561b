import { z } from 'zod'
import { usageTypes } from '../db/usage-types.ts'

const id = z.string().min(1)
const time = z.iso.datetime({ precision: 3 })
/** Whole numbers that may pass 2^53, in decimal. */
const exact = z.string().regex(/^-?\d{1,40}$/)
const usage_type = z.enum(usageTypes)
const reason = z.object({ reason: z.string().nullable() })

/**
 * What one window owes for one type, as counted at a position. `held`: more than Stripe takes as one amount, and nobody has released
 * it. `unpriced`: the subscription's currency is not the rate card's.
 */
export const countedDue = z.object({
  usage_type,
  quantity: exact,
  due_cents: exact,
  state: z.enum(['priced', 'held', 'unpriced']),
})
export type CountedDue = z.infer<typeof countedDue>

const bounds = { start: time, end: time, has_base: z.boolean() }

/** Service months, what they owe, and the lines that ask for it. */
export const chargeFacts = {
  /**
   * The first window of a subscription. `anchor`: the start of its first paid month, from which all others are counted.
   * `counts_from`: counts since then that lie in no window belong to this one.
   */
  'usage.window_opened': z.object({
    subscription_id: id,
    ...bounds,
    is_trial: z.boolean(),
    anchor: time,
    counts_from: time,
    currency: z.string().length(3),
  }),
  /** One window ends, and the next begins; null: the subscription does not go on. Types that owe nothing are left out. */
  'usage.window_closed': z.object({
    subscription_id: id,
    start: time,
    end: time,
    dues: z.array(countedDue),
    rate_card_id: id,
    upto_position: z.int().min(0),
    next: z.object(bounds).nullable(),
  }),
  /**
   * A moment at which lines are made has passed, whether or not there were any to make: for the end of the window that
   * began at `window_start`, on the draft of its renewal (`draft`, and `again` 45 minutes later), on an invoice of our own
   * (`window_end`; `pause`; `missed`: for what did not get onto its draft; `late`: for what came after the subscription's end).
   */
  'usage.lines_made': z.object({
    moment: z.enum(['draft', 'again', 'window_end', 'pause', 'missed', 'late']),
    subscription_id: id,
    window_start: time.nullable(),
    invoice_id: id.nullable(),
    /** The windows that were counted for it, each with what has changed since it was counted last. */
    counted: z.array(z.object({ window_start: time, dues: z.array(countedDue) })),
    upto_position: z.int().min(0),
  }),
  /** Something has come for a subscription that has ended: it goes on one more invoice, an hour later. */
  'usage.late_noticed': z.object({ subscription_id: id, make_at: time }),
  /** The intent to make an invoice of our own. `invoice_key` is in its metadata at Stripe. */
  'usage.invoice_asked': z.object({
    invoice_key: id,
    subscription_id: id,
    customer_id: id,
    currency: z.string().length(3),
    collection_method: z.enum(['charge_automatically', 'send_invoice']),
    days_until_due: z.int().min(0).nullable(),
    default_payment_method: id.nullable(),
  }),
  /**
   * The intent to charge, or credit, one window's difference for one type: due less charged, counted up to `upto_position`.
   * `first`: with our call that made the subscription. `forgiven`: by an operator, on no invoice.
   */
  'usage.line_asked': z.object({
    line_id: id,
    subscription_id: id,
    window_start: time,
    usage_type,
    kind: z.enum(['item', 'first', 'credit_note', 'forgiven']),
    invoice_id: id.nullable(),
    invoice_key: id.nullable(),
    customer_id: id,
    currency: z.string().length(3),
    quantity: exact,
    amount_cents: z.int(),
    upto_position: z.int().min(0),
    description: z.string(),
    /** Why it was forgiven. */
    personal: reason,
  }),
  /** Stripe has refused the line, or it was taken off its draft again: it is not charged. */
  'usage.line_refused': z.object({ line_id: id, reason: z.string() }),
  /** What our lines of a voided invoice asked for, or what was edited off an invoice at Stripe, is due again. */
  'usage.rebilled': z.object({ invoice_id: id, personal: reason }),
  /**
   * Usage outside all windows, as far as it was recorded after `after_position` and before this, go to the window of the claim, or
   * else to the next one to begin.
   */
  'usage.claimed': z.object({
    usage_type,
    gaps: z.array(z.object({ from: time, to: time })),
    after_position: z.int().min(0),
    window_id: id.nullable(),
    personal: reason,
  }),
  /** Usage outside all windows that nobody has to pay. Of a window: lines of the kind `forgiven`. */
  'usage.forgiven': z.object({
    usage_type,
    gaps: z.array(z.object({ from: time, to: time })),
    after_position: z.int().min(0),
    personal: reason,
  }),
  /** A held amount is meant as it is. */
  'usage.released': z.object({ subscription_id: id, window_start: time, usage_type, personal: reason }),
}
