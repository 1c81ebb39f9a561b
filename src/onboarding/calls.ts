import { type CallingStep, callingSteps } from '../../machines/onboarding-steps.ts'
import { type AppContext, requireStripe } from '../context.ts'
import type { Reader } from '../db/tables.ts'
import type { Effect } from '../effects/effects.ts'
import type { EffectHandler } from '../effects/handler.ts'
import type { Turn } from '../effects/turn.ts'
import { enqueueRefresh } from '../inbox/enqueue-refresh.ts'
import { unusable } from '../inbox/sessions/from-stripe.ts'
import { callOf, dispatch, loadSession, type Session } from '../inbox/sessions/store.ts'
import { takeIn } from '../inbox/take-in.ts'
import type { Fact } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { livingPersonal } from '../log/subject.ts'
import { refreshRedeemed } from '../outbox/refresh-redeemed.ts'
import { callStripe, type StripeRequest } from '../outbox/stripe-call.ts'
import type { PendingCall } from '../session/calls.ts'
import type { StripeFailure } from '../stripe/failure.ts'
import type { Observation } from '../stripe/gateway.ts'

/** The statechart's `callStripe`: the fact that asked for it has the key, which is the effect's id, and the parameters. */
export const onboardingCall = (
  context: Pick<AppContext, 'db' | 'now' | 'stripe'>,
): EffectHandler<'onboarding_call', Observation> => ({
  async run(effect) {
    const request = await requestOf(context.db.reader, effect)
    return callStripe(requireStripe(context), effect, request, context.now())
  },

  async done(turn, effect, observation) {
    const { effectId, params } = effect
    const session = await loadSession(turn.trx, params.session_id)
    await takeIn(turn, [observation], { cause: effectId, tenantId: session.tenantId })
    if (params.call !== 'create_subscription') return
    await refreshRedeemed(turn, (await requestOf(turn.trx, effect)).params, effectId)
  },

  async refused(turn, effect, refusal) {
    const { trx } = turn
    const { effectId, params } = effect
    const session = await loadSession(trx, params.session_id)
    const { data } = await askingFact(trx, effectId)
    const failure = refusal as StripeFailure
    const after = await dispatch(
      turn,
      session,
      {
        type: failedFactOf(effect),
        data: {
          attempt: data.attempt,
          is_decline: failure.kind === 'declined',
          code: failure.code,
          decline_code: failure.declineCode,
          personal: { message: failure.words },
        },
      },
      { factId: `${effectId}:refused`, causation: effectId },
    )
    // What is gone at Stripe, and nobody told us: a session without its customer ends when Stripe says so, one without
    // its card needs another.
    const { tenantId } = session
    const { customer_id, payment_method_id } = session.snapshot.context
    if (failure.param === 'customer' && customer_id !== null)
      await enqueueRefresh(turn, { objectType: 'customer', objectId: customer_id, tenantId }, effectId)
    if (failure.param === 'default_payment_method' && payment_method_id !== null) {
      const lost = unusable(payment_method_id)
      if (after.snapshot.can(lost))
        await dispatch(turn, after, lost, { factId: `${effectId}:unusable`, causation: effectId })
      const card = { objectType: 'payment_method', objectId: payment_method_id, tenantId } as const
      await enqueueRefresh(turn, card, effectId)
    }
  },
})

/** Puts the call that the session waits for back in the outbox, should it not be there any more. */
export const keepCall = (turn: Turn, session: Session, { key, params }: PendingCall) =>
  turn.claim(callOf(session, key, params))

type Call = Pick<Effect<'onboarding_call'>, 'effectId' | 'params'>

async function requestOf(reader: Reader, { effectId, params: { call } }: Call): Promise<StripeRequest> {
  const fact = await askingFact(reader, effectId)
  const isSealed = fact.type === 'onboarding.customer_requested'
  const { params } = isSealed ? await livingPersonal(reader, fact) : fact.data
  return { call, params, key: fact.data.idempotency_key }
}

const askingFact = async (reader: Reader, effectId: string) =>
  (await factById(reader, effectId)) as Fact<CallingStep['asks']>

function failedFactOf({ params }: Call): CallingStep['call']['fails'] {
  const step = callingSteps.find(({ call }) => call.request === params.call)
  if (step === undefined) throw new Error(`No step asks for ${params.call}`)
  return step.call.fails
}
