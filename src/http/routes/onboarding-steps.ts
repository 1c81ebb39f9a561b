import { z } from 'zod'
import { sessionToken, storeSessionToken } from '../../auth/keys.ts'
import type { AppContext } from '../../context.ts'
import { resourceId } from '../../db/fields.ts'
import { cancel } from '../../onboarding/cancel.ts'
import { complete } from '../../onboarding/complete.ts'
import { Correction, correctApplicant } from '../../onboarding/correct-applicant.ts'
import { createCustomer } from '../../onboarding/create-customer.ts'
import { createSubscription } from '../../onboarding/create-subscription.ts'
import { PlanChoice, previewPlan, selectPlan } from '../../onboarding/select-plan.ts'
import { SetupInput, setupPayment } from '../../onboarding/setup-payment.ts'
import { StartInput, start } from '../../onboarding/start.ts'
import { duesNow, withDue } from '../../pricing/due-terms.ts'
import { Standing, standing } from '../../views/standing.ts'
import {
  CompletedSession,
  CreatedCustomer,
  CreatedSubscription,
  completedSession,
  createdCustomer,
  createdSubscription,
  PaymentSetup,
  PlanSelection,
  StartedSession,
} from '../../views/step-replies.ts'
import { type Call, route } from '../route.ts'
import { sessionLimits } from '../session-limits.ts'

/** The six steps, what may be changed between them, and `cancel`. Every reply says what may be sent next. */
export function onboardingStepRoutes(context: AppContext) {
  const limits = sessionLimits(context.db)

  /** One that is counted against its session's limit, whatever comes of it. */
  const step = <B extends z.ZodType<{ session_id: string }>, S extends z.ZodType>(
    path: string,
    summary: string,
    body: B,
    reply: S,
    take: (call: Call<z.ZodObject, z.ZodObject, B>) => Promise<z.output<S>>,
  ) =>
    route(
      {
        method: 'post',
        path: `/onboarding/${path}`,
        tag: 'Onboarding',
        summary,
        allow: ['platform'],
        tenants: 'steps',
        body,
        reply,
      },
      (call) => {
        limits.step(call.by, call.body.session_id)
        return take(call)
      },
    )

  return [
    route(
      {
        method: 'post',
        path: '/onboarding/start',
        tag: 'Onboarding',
        summary: 'Step 1: open a session for a new tenant',
        description:
          'With an Idempotency-Key, the same request answers the same session and tenant. `session_token` is a key for ' +
          "this session's routes alone, to be given to the browser. `success_url`, of an allowed origin: where the browser " +
          'goes on when all is done.',
        allow: ['platform'],
        body: StartInput,
        reply: StartedSession,
      },
      async ({ by, clientKey, body: { phone = null, success_url: successUrl, ...person }, c }) => {
        const token = (sessionId: string) => sessionToken(c.get('apiKey'), sessionId)
        const session = await start(
          context,
          by,
          { applicant: { ...person, phone }, successUrl },
          clientKey,
          ({ trx, now }, { sessionId, tenantId }, expiresAt) =>
            storeSessionToken(trx, {
              token: token(sessionId),
              sessionId,
              tenantId,
              now,
              expiresAt: new Date(Date.parse(expiresAt) + tokenGraceMs).toISOString(),
            }),
        )
        return {
          ...standing(session),
          session_token: token(session.sessionId),
          expires_at: session.snapshot.context.expires_at,
        }
      },
    ),
    step(
      'step/create-customer',
      'Step 2: create the customer at Stripe',
      sessionOnly,
      CreatedCustomer,
      async ({ by, body }) => createdCustomer(await createCustomer(context, by, body.session_id)),
    ),
    step(
      'step/setup-payment',
      'Step 3: get a SetupIntent for Stripe.js to confirm a payment method with',
      SetupInput,
      PaymentSetup,
      async ({ by, body: { session_id, return_url: returnUrl, another_card: isAnotherCard } }) => {
        const wanted = { returnUrl, isAnotherCard }
        const { session, setupIntentId, clientSecret } = await setupPayment(context, by, session_id, wanted)
        return {
          ...standing(session),
          client_secret: clientSecret,
          setup_intent_id: setupIntentId,
          publishable_key: context.config.stripe.publishableKey ?? null,
        }
      },
    ),
    step(
      'step/select-plan',
      'Step 4: choose a plan, a price and a discount',
      PlanChoice,
      PlanSelection,
      async ({ by, body }) => {
        const { session_id, ...choice } = body
        const session = await limits.withCode(by, body, () => selectPlan(context, by, session_id, choice))
        const { plan } = session.snapshot.context
        if (plan === null) throw new Error('a selected plan is missing in the snapshot')
        return { ...standing(session), ...withDue(plan, await duesNow(context)) }
      },
    ),
    step(
      'step/preview-plan',
      'What a plan would cost with a discount; changes nothing',
      PlanChoice,
      PlanSelection,
      async ({ by, body }) => {
        const { session_id, ...choice } = body
        const { session, selected } = await limits.withCode(by, body, () =>
          previewPlan(context, by, session_id, choice),
        )
        return { ...standing(session), ...withDue(selected, await duesNow(context)) }
      },
    ),
    step(
      'step/create-subscription',
      'Step 5: create the subscription',
      sessionOnly,
      CreatedSubscription,
      async ({ by, body }) => {
        const { session, clientSecret } = await createSubscription(context, by, body.session_id)
        return createdSubscription(session, clientSecret)
      },
    ),
    step('complete', 'Step 6: finish', sessionOnly, CompletedSession, async ({ by, body }) =>
      completedSession(await complete(context, by, body.session_id)),
    ),
    step('cancel', 'Give a session up', sessionOnly, Standing, async ({ by, body }) =>
      standing(await cancel(context, by, body.session_id)),
    ),
    step(
      'applicant',
      'Correct whom a session is for, until its subscription exists',
      Correction,
      Standing,
      async ({ by, body: { session_id, ...correction } }) =>
        standing(await correctApplicant(context, by, session_id, correction)),
    ),
  ]
}

/** The token outlives the session a little, so that the browser can still be told that it has expired. */
const tokenGraceMs = 24 * 3_600_000

const sessionOnly = z.strictObject({ session_id: resourceId })
