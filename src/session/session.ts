import { createHash } from 'node:crypto'
import { getNextTransitions, initialTransition, type SnapshotFrom, transition } from 'xstate'
import { z } from 'zod'
import { type OnboardingEffect, onboardingMachine } from '../../machines/onboarding.ts'
import type { OnboardingContext } from '../../machines/onboarding-context.ts'
import {
  type OnboardingEvent,
  type OnboardingFact,
  type OnboardingFactType,
  onboardingFacts,
} from '../../machines/onboarding-facts.ts'
import { type Place, placeOfValue } from '../../machines/onboarding-places.ts'
import {
  factsOfSteps,
  type SessionStatus,
  type StepName,
  stepAfter,
} from '../../machines/onboarding-steps.ts'
import { endedStatuses } from '../../machines/subscription.ts'
import { canonicalJson } from '../log/canonical-json.ts'
import type { Fact } from '../log/facts.ts'

export type Snapshot = SnapshotFrom<typeof onboardingMachine>

export const initialSnapshot: Snapshot = initialTransition(onboardingMachine)[0]

/**
 * Folds one fact. Pure: the effects are descriptions.
 * @throws StrandedFact when the machine has no place for the fact, which only a changed machine can cause
 */
export function evolve(
  snapshot: Snapshot,
  fact: OnboardingEvent | Fact,
): { snapshot: Snapshot; effects: OnboardingEffect[] } {
  const evolved = evolveIfTaken(snapshot, fact)
  if (evolved === undefined)
    throw new StrandedFact(
      `Session ${snapshot.context.session_id} is stranded: the statechart takes no ${fact.type} in ${placeOf(snapshot)}`,
    )
  return evolved
}

/** As `evolve`; undefined when the statechart does not take the fact now. */
export function evolveIfTaken(
  snapshot: Snapshot,
  fact: OnboardingEvent | Fact,
): ReturnType<typeof evolve> | undefined {
  if (!isEvent(fact) || !snapshot.can(fact)) return undefined
  const [next, actions] = transition(onboardingMachine, snapshot, fact)
  return {
    snapshot: next,
    effects: actions.map(({ type, params }) => ({ type, params }) as OnboardingEffect),
  }
}

const isEvent = (fact: OnboardingEvent | Fact): fact is OnboardingEvent | Fact<OnboardingFactType> =>
  fact.type in onboardingFacts

/**
 * The fact by which the session ends now, without anybody's asking: when its subscription has ended, and when its time
 * is over: a subscribed one is complete then, any other expires. Null: not yet, or it waits for Stripe or the bank, and
 * what they say leads here again.
 */
export function endingOf(snapshot: Snapshot, now: string): OnboardingFact | null {
  if (placeOf(snapshot) === 'subscription_created.lapsed')
    return { type: 'onboarding.cancelled', data: { reason: 'subscription_ended' } }
  if (snapshot.context.expires_at > now) return null
  const endings = [
    { type: 'onboarding.expired', data: {} },
    { type: 'onboarding.completed', data: {} },
  ] as const
  return endings.find((fact) => snapshot.can(fact)) ?? null
}

/** The machine of this code cannot take a fact that is in the log. */
export class StrandedFact extends Error {
  override readonly name = 'StrandedFact'
}

/** The columns of `onboarding_sessions` that are taken from the snapshot, to be searched by. */
export function columnsOf(snapshot: Snapshot) {
  const { context } = snapshot
  const status = statusOf(snapshot)
  // From the choice of the plan until Stripe counts the redemption, or the session ends.
  const held = status === 'plan_selected' ? context.plan?.discount : undefined
  return {
    session_id: context.session_id,
    status,
    place: placeOf(snapshot),
    customer_id: context.customer_id,
    setup_intent_id: context.setup_intent_id,
    subscription_id: context.subscription_id,
    reserved_coupon_id: held?.coupon_id ?? null,
    reserved_promotion_code_id: held?.promotion_code_id ?? null,
    expires_at: context.expires_at,
  }
}

export function statusOf(snapshot: Snapshot): SessionStatus | 'new' {
  const { value } = snapshot
  return (typeof value === 'string' ? value : Object.keys(value)[0]) as SessionStatus | 'new'
}

export const placeOf = ({ value }: Snapshot): Place => placeOfValue(value)

/** Null when the session is over, or its subscription has ended before it was. */
export function nextStepOf(snapshot: Snapshot): StepName | null {
  if (placeOf(snapshot) === 'subscription_created.lapsed') return null
  const status = statusOf(snapshot)
  const isAboutCard = status === 'payment_setup' || status === 'plan_selected'
  if (isAboutCard && snapshot.context.setup_intent_id === null) return 'setup_payment'
  return status === 'new' ? null : stepAfter(status)
}

/** The steps that the machine has a transition for now, in their order. A guard may still refuse one (no card yet). */
export function allowedSteps(snapshot: Snapshot): StepName[] {
  const types = new Set<string>(getNextTransitions(snapshot).map(({ eventType }) => eventType))
  return [...factsOfSteps].filter(([, type]) => types.has(type)).map(([step]) => step)
}

/** The persisted form: value, context and status, as canonical JSON: the same bytes whichever way it came about. */
export function serialize({ value, context, status }: Snapshot): string {
  return canonicalJson({ value, context, status })
}

/** @throws when the text is no snapshot, or names a state that this machine does not have */
export function deserialize(text: string): Snapshot {
  const { value, context, status } = persisted.parse(JSON.parse(text))
  const snapshot = onboardingMachine.resolveState({ value, context: context as OnboardingContext, status })
  // resolveState fills in what is missing without a word: only a state that comes back as it was is one of ours.
  if (JSON.stringify(snapshot.value) !== JSON.stringify(value)) throw new Error('not a state of this machine')
  return snapshot
}

const persisted = z.object({
  value: z.union([z.string(), z.record(z.string(), z.string())]),
  context: z.looseObject({ session_id: z.string().min(1), attempts: z.object({}).loose() }),
  status: z.enum(['active', 'done']),
})

const source = (_key: string, value: unknown) =>
  typeof value === 'function' ? [String(value), { ...value }] : value

/**
 * Changes whenever the machine's definition does, guards and assignments included (one guard reads `endedStatuses`), or
 * the persisted form. Snapshots of another are refolded.
 */
export const machineVersion = createHash('sha256')
  .update(
    JSON.stringify(
      ['canonical', onboardingMachine.config, onboardingMachine.implementations, endedStatuses],
      source,
    ),
  )
  .digest('hex')
  .slice(0, 16)
