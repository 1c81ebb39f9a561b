import { finalStatuses } from '../../machines/onboarding-steps.ts'
import { type AppContext, requireStripe } from '../context.ts'
import type { EffectHandler } from '../effects/handler.ts'
import type { Turn } from '../effects/turn.ts'
import { end, hoursAfter, loadSession, wakeAt } from '../inbox/sessions/store.ts'
import { takeIn } from '../inbox/take-in.ts'
import { endingOf } from '../session/session.ts'
import type { Observation } from '../stripe/gateway.ts'
import { isWaiting } from './authentication.ts'

/**
 * The statechart's `expireAt` and `lookAfter`: ends a session whose time is over. Where it waits for the bank, Stripe
 * is asked what has become of that. A session that is not over afterwards is looked at again.
 */
export const sessionTimer = (
  context: Pick<AppContext, 'db' | 'stripe'>,
): EffectHandler<'expire_session', Observation | undefined> => ({
  async run({ params }) {
    const session = await loadSession(context.db.reader, params.session_id)
    const { subscription_id } = session.snapshot.context
    if (!isWaiting(session) || subscription_id === null) return undefined
    return (await requireStripe(context).fetch('subscription', subscription_id)).observation
  },

  async done(turn, { effectId, params }, observation) {
    const { now } = turn
    let session = await loadSession(turn.trx, params.session_id)
    const cause = `${effectId}:${now}`
    if (observation !== undefined) {
      await takeIn(turn, [observation], { cause, tenantId: session.tenantId })
      session = await loadSession(turn.trx, params.session_id)
    }
    const ending = endingOf(session.snapshot, now)
    if (ending !== null) session = await end(turn, session, ending, cause)
    if (session.snapshot.status !== 'done')
      await wakeAt(turn, session, nextLook(session.snapshot.context.expires_at, now))
  },
})

/** Once, at a start: looks at the sessions that are open past their time, whatever has become of their timers. */
export async function wakeOverdue(turn: Turn): Promise<void> {
  const { now } = turn
  const rows = await turn.trx
    .selectFrom('onboarding_sessions')
    .select(['session_id as sessionId', 'tenant_id as tenantId'])
    .where('status', 'not in', finalStatuses)
    .where('expires_at', '<=', now)
    .execute()
  for (const row of rows) await wakeAt(turn, row, now)
}

/** It may have been too early, by another instance's clock; past its time a session waits for Stripe or the bank. */
const nextLook = (expiresAt: string, now: string) => (expiresAt > now ? expiresAt : hoursAfter(now, 1))
