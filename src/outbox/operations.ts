import { type AppContext, requireStripe } from '../context.ts'
import type { Reader } from '../db/tables.ts'
import type { Effect } from '../effects/effects.ts'
import { type EffectHandler, FinalFailure } from '../effects/handler.ts'
import type { Turn, TurnFact } from '../effects/turn.ts'
import { takeIn } from '../inbox/take-in.ts'
import type { Fact, NewFact, Operation } from '../log/facts.ts'
import { factById, factOf } from '../log/read.ts'
import { livingPersonal } from '../log/subject.ts'
import { askStripe } from '../stripe/ask-stripe.ts'
import type { CallName } from '../stripe/calls.ts'
import { StripeFailure } from '../stripe/failure.ts'
import { goneObject, type Observation, type StripeGateway } from '../stripe/gateway.ts'
import { refreshRedeemed } from './refresh-redeemed.ts'
import { callStripe } from './stripe-call.ts'

/** Effects of the kind `billing_call`: the fact by which an operation was asked for has the key and the parameters. */
export const billingCall = (
  context: Pick<AppContext, 'db' | 'now' | 'stripe'>,
): EffectHandler<'billing_call', Observation> => ({
  async run(effect) {
    const stripe = requireStripe(context)
    const fact = await requestedFact(context.db.reader, effect)
    const { data } = fact
    const { params } = await livingPersonal(context.db.reader, fact)
    const call = callOf(data.operation, params)
    const request = {
      call,
      params,
      key: data.idempotency_key,
      ...(data.target_id === null ? {} : { targetId: data.target_id }),
    }
    try {
      return await callStripe(stripe, effect, request, context.now())
    } catch (error) {
      const ended = await endedAlready(stripe, call, data.target_id, error)
      if (ended === undefined) throw error
      return ended
    }
  },

  async done(turn, effect, observation) {
    const { trx } = turn
    const fact = await requestedFact(trx, effect)
    const { data } = fact
    const { tenantId, effectId } = effect
    await takeIn(turn, [observation], { cause: effectId, tenantId })
    const { operation, idempotency_key } = data
    if (operation === 'create_subscription')
      await refreshRedeemed(turn, (await livingPersonal(trx, fact)).params, effectId)
    await recordOutcome(turn, effect, {
      type: 'billing.operation_succeeded',
      data: { operation, idempotency_key, object_id: observation.objectId },
    })
  },

  async refused(turn, effect, refusal) {
    const { operation, idempotency_key } = (await requestedFact(turn.trx, effect)).data
    const { code, declineCode, words } = refusal as StripeFailure
    await recordOutcome(turn, effect, {
      type: 'billing.operation_failed',
      data: {
        operation,
        idempotency_key,
        code,
        decline_code: declineCode,
        personal: { message: words },
      },
    })
  },
})

/** The id of the object that an operation has made or changed; null: it has not succeeded. */
export async function succeededObject(reader: Reader, key: string): Promise<string | null> {
  const row = await reader
    .selectFrom('billing_events')
    .selectAll()
    .where('fact_id', '=', `${key}:succeeded`)
    .executeTakeFirst()
  return row === undefined ? null : (factOf(row) as Fact<'billing.operation_succeeded'>).data.object_id
}

/** Which call an operation is, by its parameters alone, so that the fact says all that is needed to repeat it. */
function callOf(operation: Operation, params: Record<string, unknown>): CallName {
  switch (operation) {
    case 'create_customer':
    case 'update_customer':
    case 'create_subscription':
    case 'void_invoice':
    case 'delete_customer':
      return operation
    case 'cancel':
      return 'cancel_at_period_end' in params ? 'update_subscription' : 'cancel_subscription'
    case 'change_plan':
    case 'resume':
    case 'pause':
      return 'update_subscription'
    case 'create_discount':
      return 'promotion' in params ? 'create_promotion_code' : 'create_coupon'
    case 'delete_discount':
      return 'active' in params ? 'update_promotion_code' : 'delete_coupon'
    default:
      return operation satisfies never
  }
}

/** To end what has ended is refused as missing: an earlier attempt, of unknown outcome, has done it. */
async function endedAlready(
  stripe: StripeGateway,
  call: CallName,
  id: string | null,
  error: unknown,
): Promise<Observation | undefined> {
  const refusal = error instanceof FinalFailure ? error.refusal : undefined
  if (id === null || !(refusal instanceof StripeFailure) || refusal.kind !== 'missing') return undefined
  if (call === 'delete_coupon') return goneObject('coupon', id, 0)
  if (call === 'delete_customer') return goneObject('customer', id, 0)
  if (call !== 'cancel_subscription') return undefined
  const seen = await askStripe(
    async () => (await stripe.fetch('subscription', id)).observation,
    () => undefined,
  )
  return seen?.object.status === 'canceled' ? seen : undefined
}

async function recordOutcome(
  turn: Turn,
  effect: Effect,
  outcome:
    | Pick<NewFact<'billing.operation_succeeded'>, 'type' | 'data'>
    | Pick<NewFact<'billing.operation_failed'>, 'type' | 'data'>,
): Promise<void> {
  const fact = {
    ...outcome,
    fact_id: `${effect.effectId}:${outcome.type === 'billing.operation_succeeded' ? 'succeeded' : 'failed'}`,
    tenant_id: effect.tenantId,
    metadata: { causation: effect.effectId },
  } as TurnFact
  await turn.record(effect.stream, [fact])
}

async function requestedFact(reader: Reader, effect: Effect) {
  return (await factById(reader, effect.effectId)) as Fact<'billing.operation_requested'>
}
