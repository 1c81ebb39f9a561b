import { callingSteps } from '../../machines/onboarding-steps.ts'
import { type AppContext, requireStripe } from '../context.ts'
import { tableOf } from '../db/keys-of.ts'
import type { Effect } from '../effects/effects.ts'
import { type EffectHandler, FinalFailure } from '../effects/handler.ts'
import { takeIn } from '../inbox/take-in.ts'
import type { Fact, FactType } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { askStripe } from '../stripe/ask-stripe.ts'
import { type CallName, callNames } from '../stripe/calls.ts'
import { StripeFailure } from '../stripe/failure.ts'
import { goneObject, type Observation, type StripeGateway } from '../stripe/gateway.ts'
import type { Asker } from './askers/asker.ts'
import { chargeLine } from './askers/charge-line.ts'
import { operation } from './askers/operation.ts'
import { ownInvoice } from './askers/own-invoice.ts'
import { session } from './askers/session.ts'
import { refreshRedeemed } from './refresh-redeemed.ts'
import { callStripe } from './stripe-call.ts'

/**
 * How every request of Stripe is carried out, whoever asks for it: the fact that asks has the parameters, the effect's id
 * is the key. What Stripe answers is taken in, and the stream that asked learns what came of it.
 */
function stripeRequest(
  context: Pick<AppContext, 'db' | 'now' | 'stripe' | 'log'>,
): EffectHandler<CallName, Observation> {
  const askerOf = ({ type }: Fact): Asker<Fact> => {
    const asker = askers.get(type)
    if (asker === undefined) throw new Error(`${type} asks for nothing`)
    return asker
  }
  return {
    async run(effect) {
      const { reader } = context.db
      const fact = await factById(reader, effect.params.fact_id)
      const wanted = await askerOf(fact).wanted(reader, fact, effect)
      const stripe = requireStripe(context)
      try {
        return await callStripe(stripe, effect, wanted, context.now())
      } catch (error) {
        const ended = await endedAlready(stripe, effect, wanted.targetId, error)
        if (ended === undefined) throw error
        return ended
      }
    },

    async done(turn, effect, observation) {
      const { effectId, tenantId } = effect
      const fact = await factById(turn.trx, effect.params.fact_id)
      await takeIn(turn, [observation], { cause: effectId, tenantId })
      if (effect.kind === 'create_subscription') {
        const { params } = await askerOf(fact).wanted(turn.trx, fact, effect)
        await refreshRedeemed(turn, params, effectId)
      }
      await askerOf(fact).answered?.(turn, fact, effect, observation)
    },

    async refused(turn, effect, refusal: StripeFailure) {
      const fact = await factById(turn.trx, effect.params.fact_id)
      await askerOf(fact).refused(turn, fact, effect, refusal)
    },
  }
}

/** One for each kind of request. */
export function requestHandlers(context: Parameters<typeof stripeRequest>[0]) {
  const handler = stripeRequest(context)
  return tableOf(callNames, () => handler)
}

/** By the fact that asks. */
const askers = new Map<FactType, Asker<Fact>>([
  ['billing.operation_requested', operation],
  ['usage.invoice_asked', ownInvoice],
  ['usage.line_asked', chargeLine],
  ...callingSteps.map(({ asks }) => [asks, session] as const),
])

/** To end what has ended is refused as missing: an earlier attempt, of unknown outcome, has done it. */
async function endedAlready(
  stripe: StripeGateway,
  { kind }: Effect<CallName>,
  id: string | undefined,
  error: unknown,
): Promise<Observation | undefined> {
  const refusal = error instanceof FinalFailure ? error.refusal : undefined
  if (id === undefined || !(refusal instanceof StripeFailure) || refusal.kind !== 'missing') return undefined
  if (kind === 'delete_coupon') return goneObject('coupon', id, 0)
  if (kind === 'delete_customer') return goneObject('customer', id, 0)
  if (kind === 'delete_invoice') return goneObject('invoice', id, 0)
  if (kind === 'delete_invoice_item') return goneObject('invoiceitem', id, 0)
  if (kind !== 'cancel_subscription') return undefined
  const subscription = await askStripe(
    async () => (await stripe.fetch('subscription', id)).observation,
    () => undefined,
  )
  return subscription?.object.status === 'canceled' ? subscription : undefined
}
