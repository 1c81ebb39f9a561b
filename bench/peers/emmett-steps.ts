import { randomUUID } from 'node:crypto'
import { askStripe, assertNext, newTenant, type Session, type StepName } from './front.ts'

export type StepTaken = { type: 'step_taken'; data: { step: StepName; session_id: string; made: Session } }
export type State = { done: StepName | undefined; session: Session }

export const initialState = (): State => ({ done: undefined, session: {} })
export const evolve = (state: State, { data }: StepTaken): State => ({
  done: data.step,
  session: { ...state.session, ...data.made },
})

/** The event of a step that Stripe has taken. Undefined: it was taken before. @throws where it is not the next one */
export async function take(
  { done, session }: State,
  { step, sessionId, input }: { step: StepName; sessionId: string; input: Session },
): Promise<StepTaken | undefined> {
  if (done === step) return undefined
  assertNext(step, done)
  const known = { ...session, ...input, ...(step === 'start' ? { tenant_id: newTenant() } : {}) }
  const made = { ...known, ...(await askStripe(step, known, randomUUID())) }
  return { type: 'step_taken', data: { step, session_id: sessionId, made } }
}
