import type { OnboardingEffects } from '../../machines/onboarding.ts'
import { callsUnderWay } from '../../machines/onboarding-places.ts'
import type { CallingStep } from '../../machines/onboarding-steps.ts'
import { placeOf, type Snapshot } from './session.ts'

/** A call that a session waits for. `key`: its idempotency key, its effect's id, and the id of the fact that asks for it. */
type PendingCall = { key: string; params: OnboardingEffects['callStripe'] }

/** Null: the session waits for none. */
export function pendingCall({ snapshot }: { snapshot: Snapshot }): PendingCall | null {
  const step = callsUnderWay.get(placeOf(snapshot))
  if (step === undefined) return null
  const { session_id, attempts } = snapshot.context
  const key = callKey(session_id, step.step, attempts[step.step])
  return { key, params: { session_id, call: step.call.request } }
}

/** What the fact says that asks for a step's call once more. */
export function nextAttempt({ snapshot }: { snapshot: Snapshot }, step: CallingStep['step']) {
  const { session_id, attempts } = snapshot.context
  const attempt = attempts[step] + 1
  return { attempt, idempotency_key: callKey(session_id, step, attempt) }
}

const callKey = (sessionId: string, step: CallingStep['step'], attempt: number) =>
  `stepledger:${sessionId}:${step}:${attempt}`
