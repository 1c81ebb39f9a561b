import { z } from 'zod'
import { tableOf } from '../db/keys-of.ts'
import { callNames } from '../stripe/calls.ts'
import { stripeObjectTypes } from '../stripe/object-types.ts'

const id = z.string().min(1)
/** A request of Stripe: the fact that asks for it has its parameters; the effect's id is its idempotency key. */
const request = z.object({
  fact_id: id,
  /** Of a step of onboarding. */
  session_id: id.optional(),
  /** What earlier attempts have left. `burnt`: how many keys a stored 500 has used up. */
  is_unknown: z.boolean().default(false),
  burnt: z.int().min(0).default(0),
  /** What an invoice is to be paid with; by default its own payment method, else its customer's. */
  payment_method: id.optional(),
})
const requests = tableOf(callNames, () => request)

/** What an effect may be: kind -> its parameters. No personal data: what is asked for with it stands in a fact. */
export const effectKinds = {
  ...requests,
  /** A session is looked at: its time is over, or it waits too long. */
  expire_session: z.object({ session_id: id }),
  /** An object is fetched as it is now. */
  refresh_object: z.object({ object_type: z.enum(stripeObjectTypes), object_id: id }),
  /** All that Stripe has of a customer since then, unix seconds. */
  list_customer: z.object({ customer_id: id, since: z.number() }),
  /** What an answer of Stripe's leads to is tried again: a listener of the inbox's is told of the fact. */
  tell_listener: z.object({ listener: id, fact_id: id }),
  /** What has come to be due for a tenant: windows that end, lines to be made. */
  bill_tenant: z.object({ tenant_id: id }),
  /** The events that no webhook has brought since then, unix seconds. */
  sweep_events: z.object({ since: z.number() }),
} as const

export type EffectKind = keyof typeof effectKinds
export type EffectParams<K extends EffectKind> = z.infer<(typeof effectKinds)[K]>

/** Kinds that wait for a time, and for nobody's answer. All others are calls. */
export const timerKinds: readonly EffectKind[] = ['expire_session', 'bill_tenant', 'sweep_events']

/** The longest wait between two attempts, where something ends meanwhile: a draft takes lines for an hour. */
export const longestWaitMs: Partial<Record<EffectKind, number>> = { create_invoice_item: 60_000 }

/** Webhooks come in bursts: after a moment one question about an object answers for all of them. */
export const burstMs: Partial<Record<EffectKind, number>> = { refresh_object: 150 }
