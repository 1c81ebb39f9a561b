import type { OnboardingFactType } from '../../machines/onboarding-facts.ts'
import { type AppContext, requireStripe } from '../context.ts'
import type { Reader, Trx } from '../db/tables.ts'
import { type Effect, enqueue } from '../effects/effects.ts'
import type { EffectHandler } from '../effects/handler.ts'
import { enqueueRefresh } from '../inbox/enqueue-refresh.ts'
import { recordAnswer } from '../inbox/record-answer.ts'
import { applyToSession, unusable } from '../inbox/sessions/from-stripe.ts'
import { afterTheRequest, dispatch, loadSession, type Session, sessionIdOf } from '../inbox/sessions/store.ts'
import { type Fact, streams } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { livingPersonal } from '../log/subject.ts'
import { refreshRedeemed } from '../outbox/refresh-redeemed.ts'
import { callStripe, type StripeRequest } from '../outbox/stripe-call.ts'
import type { StripeFailure } from '../stripe/failure.ts'
import type { Observation } from '../stripe/gateway.ts'

const worker = { actor: 'worker' }

/** The statechart's `callStripe`: the fact that asked for it has the key, which is the effect's id, and the parameters. */
export const onboardingCall = (context: Pick<AppContext, 'db' | 'now' | 'stripe'>): EffectHandler => ({
  async run(effect) {
    const { reader } = context.db
    const request = await requestOf(reader, await factById(reader, effect.effectId))
    return callStripe(requireStripe(context), effect, request, context.now())
  },

  async done(trx: Trx, effect: Effect, observation: Observation, now: string) {
    const session = await loadSession(trx, sessionIdOf(effect))
    await recordAnswer(trx, session.tenantId, observation, effect.effectId, now)
    await applyToSession(trx, session, observation, { by: worker, now, cause: `${effect.effectId}:answer` })
    const { call, params } = await requestOf(trx, await factById(trx, effect.effectId))
    if (call === 'create_subscription') await refreshRedeemed(trx, params, effect.effectId, now)
  },

  async refused(trx: Trx, effect: Effect, refusal: Error, now: string) {
    const session = await loadSession(trx, sessionIdOf(effect))
    const { data } = (await factById(trx, effect.effectId)) as Fact<'onboarding.subscription_requested'>
    const failure = refusal as StripeFailure
    const after = await dispatch(
      trx,
      session,
      {
        type: failedFact(effect.effectId),
        data: {
          attempt: data.attempt,
          is_decline: failure.kind === 'declined',
          code: failure.code,
          decline_code: failure.declineCode,
          personal: { message: failure.words },
        },
      },
      { by: worker, now, factId: `${effect.effectId}:refused`, causation: effect.effectId },
    )
    // What is gone at Stripe, and nobody told us: a session without its customer ends when Stripe says so, one without
    // its card needs another.
    const { tenantId } = session
    const { customer_id, payment_method_id } = session.snapshot.context
    if (failure.param === 'customer' && customer_id !== null)
      await enqueueRefresh(
        trx,
        { objectType: 'customer', objectId: customer_id, tenantId },
        effect.effectId,
        now,
      )
    if (failure.param === 'default_payment_method' && payment_method_id !== null) {
      const lost = unusable(payment_method_id)
      const about = { by: worker, now, factId: `${effect.effectId}:unusable`, causation: effect.effectId }
      if (after.snapshot.can(lost)) await dispatch(trx, after, lost, about)
      await enqueueRefresh(
        trx,
        { objectType: 'payment_method', objectId: payment_method_id, tenantId },
        effect.effectId,
        now,
      )
    }
  },
})

/** Puts the call that the session waits for back in the outbox, should it not be there any more. */
export const keepCall = (trx: Trx, session: Session, key: string, now: string) =>
  enqueue(
    trx,
    {
      effectId: key,
      tenantId: session.tenantId,
      stream: streams.onboarding(session.sessionId),
      kind: 'onboarding_call',
      params: {},
    },
    afterTheRequest(now),
    now,
  )

async function requestOf(reader: Reader, fact: Fact): Promise<StripeRequest> {
  switch (fact.type) {
    case 'onboarding.customer_requested':
      return {
        call: 'create_customer',
        params: (await livingPersonal(reader, fact)).params,
        key: fact.data.idempotency_key,
      }
    case 'onboarding.payment_setup_requested':
      return { call: 'create_setup_intent', params: fact.data.params, key: fact.data.idempotency_key }
    case 'onboarding.subscription_requested':
      return { call: 'create_subscription', params: fact.data.params, key: fact.data.idempotency_key }
    default:
      throw new Error(`${fact.type} asks for no call`)
  }
}

const failedFact = (key: string) => {
  const types = {
    create_customer: 'onboarding.customer_failed',
    setup_payment: 'onboarding.payment_setup_failed',
    create_subscription: 'onboarding.subscription_failed',
  } as const satisfies Record<string, OnboardingFactType>
  return types[key.split(':')[2] as keyof typeof types]
}
