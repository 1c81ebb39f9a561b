import type { Effect } from '../effects/effects.ts'
import { FinalFailure, Unknown } from '../effects/handler.ts'
import type { CallParams } from '../stripe/call.ts'
import type { CallName } from '../stripe/calls.ts'
import { StripeFailure } from '../stripe/failure.ts'
import type { Observation, StripeGateway } from '../stripe/gateway.ts'

/** Stripe keeps idempotency keys for at least 24 hours: an older call is looked for before it is made again. */
const keyLifetimeMs = 23 * 3_600_000

/**
 * Makes the call of an effect, with at most one effect at Stripe: under its key, which is the effect's id, and when an
 * earlier attempt's outcome is unknown, or the key may be forgotten, after looking for what that attempt has made, which
 * is adopted. The effect's params remember `is_unknown` and how many keys were `burnt` by a stored 500.
 * @throws FinalFailure with Stripe's refusal; Unknown; AppError when nothing happened and it may be tried again
 */
export async function callStripe(
  stripe: StripeGateway,
  effect: Effect<CallName>,
  wanted: { params: CallParams; targetId?: string },
  now: Date,
): Promise<Observation> {
  const { kind: name, effectId: key } = effect
  const { is_unknown: isUnknown, burnt } = effect.params
  const mayBeMade = isUnknown || now.getTime() - Date.parse(effect.createdAt) > keyLifetimeMs
  let isLooking = mayBeMade
  try {
    if (mayBeMade) {
      const found = await stripe.find(name, { params: wanted.params, key })
      if (found !== undefined) return found
    }
    isLooking = false
    const { observation } = await stripe.call(name, {
      ...wanted,
      key: burnt === 0 ? key : `${key}:${burnt}`,
    })
    return observation
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error
    const isUndecided = error.kind === 'unknown' || (error.kind === 'not_sent' && isLooking)
    if (error.isFinal && !isUndecided) throw new FinalFailure(error, error.toAppError())
    if (!isUndecided) throw error.toAppError()
    // A key answers its stored 500 for ever. What it may have made was looked for in vain: the next attempt takes the
    // next key, which is the same one should a crash come between.
    const isBurnt = isUnknown && error.isReplayed
    throw new Unknown(error.toAppError(), {
      ...effect.params,
      is_unknown: true,
      burnt: isBurnt ? burnt + 1 : burnt,
    })
  }
}
