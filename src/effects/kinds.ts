import { z } from 'zod'
import { callingSteps } from '../../machines/onboarding-steps.ts'
import { usageTypes } from '../log/facts.ts'
import { stripeObjectTypes } from '../stripe/object-types.ts'

const id = z.string().min(1)
/** Of calls to Stripe: what earlier attempts have left. `burnt`: how many keys a stored 500 has used up. */
const attempts = { is_unknown: z.boolean().default(false), burnt: z.int().min(0).default(0) }

/** What an effect may be: kind -> its parameters. No personal data: what is asked for with it stands in a fact. */
export const effectKinds = {
  /** A step's call: the fact with the effect's id asks for it. */
  onboarding_call: z.object({
    session_id: id,
    call: z.enum(callingSteps.map(({ call }) => call.request)),
    ...attempts,
  }),
  /** An operation: likewise. */
  billing_call: z.object(attempts),
  /** A line of `usage.invoiced` that goes on its invoice: a type of usage, or the platform base. */
  invoice_item: z.object({ invoice_id: id, line: z.enum([...usageTypes, 'base']), ...attempts }),
  /** A session is looked at: its time is over, or it waits too long. */
  expire_session: z.object({ session_id: id }),
  /** An object is fetched as it is now. */
  refresh_object: z.object({ object_type: z.enum(stripeObjectTypes), object_id: id }),
  /** All that Stripe has of a customer since then, unix seconds. */
  list_customer: z.object({ customer_id: id, since: z.number() }),
  /** What an answer of Stripe's leads to is tried again: a listener of the inbox's is told of the fact. */
  tell_listener: z.object({ listener: id, fact_id: id }),
  /** The events that no webhook has brought since then, unix seconds. */
  sweep_events: z.object({ since: z.number() }),
} as const

export type EffectKind = keyof typeof effectKinds
export type EffectParams<K extends EffectKind> = z.infer<(typeof effectKinds)[K]>

/** Kinds that wait for a time, and for nobody's answer. All others are calls. */
export const timerKinds: readonly EffectKind[] = ['expire_session', 'sweep_events']

/** The longest wait between two attempts, where something ends meanwhile: a draft takes lines for an hour. */
export const longestWaitMs: Partial<Record<EffectKind, number>> = { invoice_item: 60_000 }

/** Webhooks come in bursts: after a moment one question about an object answers for all of them. */
export const burstMs: Partial<Record<EffectKind, number>> = { refresh_object: 150 }
