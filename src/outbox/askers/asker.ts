import type { Reader } from '../../db/tables.ts'
import type { Effect } from '../../effects/effects.ts'
import type { Turn } from '../../effects/turn.ts'
import type { Fact } from '../../log/facts.ts'
import type { CallParams } from '../../stripe/call.ts'
import type { CallName } from '../../stripe/calls.ts'
import type { StripeFailure } from '../../stripe/failure.ts'
import type { Observation } from '../../stripe/gateway.ts'

/** The stream that asks for a request of Stripe: what it asks for, and what becomes of it there. `F`: the fact that asks. */
export type Asker<F extends Fact> = {
  wanted(
    reader: Reader,
    fact: F,
    effect: Effect<CallName>,
  ): Promise<{ params: CallParams; targetId?: string }>
  /** In the turn that has taken the answer in, which tells whoever listens to the object. */
  answered?(turn: Turn, fact: F, effect: Effect<CallName>, observation: Observation): Promise<void>
  refused(turn: Turn, fact: F, effect: Effect<CallName>, failure: StripeFailure): Promise<void>
}
