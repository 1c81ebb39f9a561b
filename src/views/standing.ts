import { z } from 'zod'
import { selectedPlan } from '../../machines/onboarding-facts.ts'
import { callsUnderWay } from '../../machines/onboarding-places.ts'
import {
  isAbandoned,
  type SessionStatus,
  sessionStatuses,
  stepStatuses,
} from '../../machines/onboarding-steps.ts'
import { timeOut } from '../db/fields.ts'
import { type Session, sessionStatus } from '../inbox/sessions/store.ts'
import { Due, type Order } from '../pricing/due.ts'
import { withDue } from '../pricing/due-terms.ts'
import { allowedSteps, nextStepOf, placeOf } from '../session/session.ts'
import type { SessionUrls } from './session-urls.ts'

export const Standing = z.object({
  session_id: z.string(),
  tenant_id: z.string(),
  status: z.enum(sessionStatuses),
  next_step: z.string().nullable(),
  allowed_events: z.array(z.string()),
})
export type Standing = z.infer<typeof Standing>

/** A plan as it was selected, with all that it will be charged. */
export const OrderedPlan = selectedPlan.extend({ due: Due })
export type OrderedPlan = z.infer<typeof OrderedPlan>

export const FullStanding = Standing.extend({
  position: z.int(),
  updated_at: timeOut,
  expires_at: timeOut,
  success_url: z.string().nullable(),
  steps_done: z.array(z.string()),
  is_waiting_for_stripe: z.boolean(),
  customer_id: z.string().nullable(),
  payment: z.object({
    setup_intent_id: z.string().nullable(),
    return_url: z.string().nullable(),
    is_confirmed: z.boolean(),
    payment_method_id: z.string().nullable(),
    decline: z.object({ code: z.string(), decline_code: z.string().nullable() }).nullable(),
  }),
  plan: OrderedPlan.nullable(),
  subscription: z
    .object({
      subscription_id: z.string(),
      subscription_status: z.string().nullable(),
      trial_ends_at: timeOut.nullable(),
      requires_action: z.boolean(),
    })
    .nullable(),
})
export type FullStanding = z.infer<typeof FullStanding>

/** What every reply of onboarding has: where the session stands, and what may be sent now. */
export function standing(session: Session): Standing {
  const status = sessionStatus(session)
  return {
    session_id: session.sessionId,
    tenant_id: session.tenantId,
    status,
    next_step: nextStepOf(session.snapshot),
    allowed_events: allowedSteps(session.snapshot),
  }
}

/**
 * All that a wizard needs to go on from here, on this device or another. No secrets.
 * @param dueOfOrder what will be charged for the plan, as `duesNow` says
 */
export function fullStanding(
  session: Session,
  urls: SessionUrls,
  dueOfOrder: (order: Order) => Due,
): FullStanding {
  const { plan } = session.snapshot.context
  return { ...standingBesidesDue(session, urls), plan: plan && withDue(plan, dueOfOrder) }
}

/** All but what is due by today's rules. */
export function standingBesidesDue(session: Session, urls: SessionUrls) {
  const { context } = session.snapshot
  const status = sessionStatus(session)
  const place = placeOf(session.snapshot)
  return {
    ...standing(session),
    position: session.lastPosition,
    updated_at: session.updatedAt,
    expires_at: context.expires_at,
    success_url: urls.success_url,
    steps_done: stepsDone(status, context),
    is_waiting_for_stripe: callsUnderWay.has(place),
    customer_id: context.customer_id,
    payment: {
      setup_intent_id: context.setup_intent_id,
      return_url: urls.return_url,
      is_confirmed: context.payment_method_id !== null,
      payment_method_id: context.payment_method_id,
      decline: context.decline,
    },
    plan: context.plan,
    subscription:
      context.subscription_id === null
        ? null
        : {
            subscription_id: context.subscription_id,
            subscription_status: context.subscription_status,
            trial_ends_at: context.trial_ends_at,
            requires_action: place === 'subscription_created.awaiting_authentication',
          },
  }
}

/** The statuses that the session has passed, its present one included. */
function stepsDone(status: SessionStatus, context: Session['snapshot']['context']): string[] {
  if (!isAbandoned(status)) return stepStatuses.slice(0, stepStatuses.indexOf(status) + 1)
  const passed = [true, context.customer_id, context.setup_intent_id, context.plan, context.subscription_id]
  return stepStatuses.filter((_, index) => Boolean(passed[index]))
}
