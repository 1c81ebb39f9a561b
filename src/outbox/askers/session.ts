import { type CallingStep, callingSteps } from '../../../machines/onboarding-steps.ts'
import { enqueueRefresh } from '../../inbox/enqueue-refresh.ts'
import { unusable } from '../../inbox/sessions/from-stripe.ts'
import { dispatch, loadSession } from '../../inbox/sessions/store.ts'
import type { Fact } from '../../log/facts.ts'
import { livingPersonal } from '../../log/subject.ts'
import type { Asker } from './asker.ts'

type AskingFact = Fact<CallingStep['asks']>

/** A step of onboarding: the statechart takes what came of it. */
export const session: Asker<AskingFact> = {
  async wanted(reader, fact) {
    const isCustomer = fact.type === 'onboarding.customer_requested'
    return { params: isCustomer ? (await livingPersonal(reader, fact)).params : fact.data.params }
  },

  async refused(turn, fact, { effectId, params }, failure) {
    const asking = await loadSession(turn.trx, params.session_id ?? '')
    const after = await dispatch(
      turn,
      asking,
      {
        type: stepOf(fact).call.fails,
        data: {
          attempt: fact.data.attempt,
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
    const { tenantId } = asking
    const { customer_id, payment_method_id } = asking.snapshot.context
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
}

function stepOf({ type }: AskingFact): CallingStep {
  const step = callingSteps.find(({ asks }) => asks === type)
  if (step === undefined) throw new Error(`No step asks by ${type}`)
  return step
}
