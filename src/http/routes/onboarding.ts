import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { selectedPlan } from '../../../machines/onboarding-facts.ts'
import { sessionStatuses } from '../../../machines/onboarding-steps.ts'
import { sessionToken, storeSessionToken } from '../../auth/keys.ts'
import type { AppContext } from '../../context.ts'
import { resourceId, text, timeOut } from '../../db/fields.ts'
import type { Caller } from '../../log/by.ts'
import { loadOwnSession } from '../../onboarding/access.ts'
import { applicantOf } from '../../onboarding/applicant-of.ts'
import { cancel } from '../../onboarding/cancel.ts'
import { complete } from '../../onboarding/complete.ts'
import { correctApplicant } from '../../onboarding/correct-applicant.ts'
import { createCustomer } from '../../onboarding/create-customer.ts'
import { createSubscription } from '../../onboarding/create-subscription.ts'
import { previewPlan, selectPlan } from '../../onboarding/select-plan.ts'
import { setupPayment } from '../../onboarding/setup-payment.ts'
import { start } from '../../onboarding/start.ts'
import { duesNow, withDue } from '../../pricing/due-terms.ts'
import { urlsOf } from '../../views/session-urls.ts'
import { fullStanding, standing } from '../../views/standing.ts'
import type { Env } from '../env.ts'
import { body, route } from '../route.ts'
import { envelope, success } from '../schemas.ts'
import { sessionLimits } from '../session-limits.ts'
import { due } from './plans.ts'

/** The six steps, `cancel`, and where a session stands. Every reply says what may be sent next. */
export function onboardingRoutes(context: AppContext): OpenAPIHono<Env> {
  const app = new OpenAPIHono<Env>()
  const limits = sessionLimits(context.db)
  app.use('/onboarding/*', async (c, next) => {
    const sessionId = c.req.method === 'POST' ? c.get('body')?.session_id : undefined
    if (typeof sessionId === 'string' && sessionId.length <= 255) limits.step(c.get('caller'), sessionId)
    await next()
  })

  app.openapi(routes.start, async (c) => {
    const { phone = null, success_url: successUrl, ...person } = c.req.valid('json')
    const token = (sessionId: string) => sessionToken(c.get('apiKey'), sessionId)
    const caller = { ...callerOf(c), keyId: c.get('caller').keyId }
    const session = await start(
      context,
      caller,
      { applicant: { ...person, phone }, successUrl },
      c.get('idempotencyKey'),
      ({ trx, now }, { sessionId, tenantId }, expiresAt) =>
        storeSessionToken(trx, {
          token: token(sessionId),
          sessionId,
          tenantId,
          now,
          expiresAt: new Date(Date.parse(expiresAt) + tokenGraceMs).toISOString(),
        }),
    )
    return c.json(
      success({
        ...standing(session),
        session_token: token(session.sessionId),
        expires_at: session.snapshot.context.expires_at,
      }),
      200,
    )
  })

  app.openapi(routes.createCustomer, async (c) => {
    const session = await createCustomer(context, callerOf(c), c.req.valid('json').session_id)
    return c.json(
      success({ ...standing(session), customer_id: session.snapshot.context.customer_id ?? '' }),
      200,
    )
  })

  app.openapi(routes.setupPayment, async (c) => {
    const { session_id, return_url: returnUrl, another_card: isAnotherCard } = c.req.valid('json')
    const { session, setupIntentId, clientSecret } = await setupPayment(context, callerOf(c), session_id, {
      returnUrl,
      isAnotherCard,
    })
    return c.json(
      success({
        ...standing(session),
        client_secret: clientSecret,
        setup_intent_id: setupIntentId,
        publishable_key: context.config.stripe.publishableKey ?? null,
      }),
      200,
    )
  })

  app.openapi(routes.selectPlan, async (c) => {
    const { session_id, ...choice } = c.req.valid('json')
    const session = await limits.withCode(c.get('caller'), c.req.valid('json'), () =>
      selectPlan(context, callerOf(c), session_id, choice),
    )
    const { plan } = session.snapshot.context
    if (plan === null) throw new Error('a selected plan is missing in the snapshot')
    return c.json(success({ ...standing(session), ...withDue(plan, await duesNow(context)) }), 200)
  })

  app.openapi(routes.previewPlan, async (c) => {
    const { session_id, ...choice } = c.req.valid('json')
    const { session, selected } = await limits.withCode(c.get('caller'), c.req.valid('json'), () =>
      previewPlan(context, callerOf(c), session_id, choice),
    )
    return c.json(success({ ...standing(session), ...withDue(selected, await duesNow(context)) }), 200)
  })

  app.openapi(routes.createSubscription, async (c) => {
    const { session, clientSecret } = await createSubscription(
      context,
      callerOf(c),
      c.req.valid('json').session_id,
    )
    const { subscription_id, subscription_status, trial_ends_at } = session.snapshot.context
    return c.json(
      success({
        ...standing(session),
        subscription_id: subscription_id ?? '',
        subscription_status: subscription_status ?? '',
        trial_ends_at,
        ...(clientSecret === null ? {} : { client_secret: clientSecret, requires_action: true }),
      }),
      200,
    )
  })

  app.openapi(routes.complete, async (c) => {
    const session = await complete(context, callerOf(c), c.req.valid('json').session_id)
    const { customer_id, subscription_id } = session.snapshot.context
    return c.json(
      success({
        ...standing(session),
        customer_id: customer_id ?? '',
        subscription_id: subscription_id ?? '',
        message: 'Onboarding completed! Your account is ready.',
      }),
      200,
    )
  })

  app.openapi(routes.cancel, async (c) => {
    const session = await cancel(context, callerOf(c), c.req.valid('json').session_id)
    return c.json(success(standing(session)), 200)
  })

  app.openapi(routes.applicant, async (c) => {
    const { session_id, ...correction } = c.req.valid('json')
    const session = await correctApplicant(context, callerOf(c), session_id, correction)
    return c.json(success(standing(session)), 200)
  })

  app.openapi(routes.show, async (c) => {
    const { reader } = context.db
    const session = await loadOwnSession(reader, c.req.valid('param').session_id, callerOf(c))
    return c.json(
      success({
        ...fullStanding(session, await urlsOf(context.db.reader, session.sessionId), await duesNow(context)),
        applicant: await applicantOf(reader, session.sessionId),
        publishable_key: context.config.stripe.publishableKey ?? null,
      }),
      200,
    )
  })

  return app
}

/** The token outlives the session a little, so that the browser can still be told that it has expired. */
const tokenGraceMs = 24 * 3_600_000

export const callerOf = (c: Context<Env>): Caller => ({ ...c.get('caller'), requestId: c.get('requestId') })

const where = {
  session_id: z.string(),
  tenant_id: z.string(),
  status: z.enum(sessionStatuses),
  next_step: z.string().nullable(),
  allowed_events: z.array(z.string()),
}

/** A plan as it was selected, with all that it will be charged. */
const orderedPlan = selectedPlan.extend({ due })

export const positionOut = z.object({
  ...where,
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
  plan: orderedPlan.nullable(),
  subscription: z
    .object({
      subscription_id: z.string(),
      subscription_status: z.string().nullable(),
      trial_ends_at: timeOut.nullable(),
      requires_action: z.boolean(),
    })
    .nullable(),
  /** Not on the stream. */
  applicant: z.object({
    email: z.string(),
    name: z.string(),
    company_name: z.string(),
    phone: z.string().nullable(),
  }),
  publishable_key: z.string().nullable(),
})

const sessionOnly = z.strictObject({ session_id: resourceId })

const planChoice = z.strictObject({
  session_id: resourceId,
  plan_id: text(128),
  price_id: resourceId,
  discount_code: text(128).optional(),
})

/** Whom a session is for. */
export const applicant = z.strictObject({
  email: z.email('must be an e-mail address').max(254),
  name: text(200),
  company_name: text(200),
  phone: z
    .string()
    // Without an example: what looks like a phone number is masked in errors.
    .regex(/^\+?[0-9 ().-]{5,20}$/, 'must be a phone number: digits, with + before the country')
    .max(20, 'must be at most 20 characters long: Stripe takes no more')
    .optional(),
})

const step = <const P extends string, B extends z.ZodType, S extends z.ZodType>(
  path: P,
  summary: string,
  request: B,
  data: S,
) =>
  route({
    method: 'post',
    path,
    tag: 'Onboarding',
    summary,
    allow: ['platform'],
    tenants: 'steps',
    request: { body: body(request) },
    response: envelope(data),
  })

/** Requests and replies, for the typed client. */
export type OnboardingApi = typeof routes

const routes = {
  start: route({
    method: 'post',
    path: '/onboarding/start',
    tag: 'Onboarding',
    summary: 'Step 1: open a session for a new tenant',
    description:
      'With an Idempotency-Key, the same request answers the same session and tenant. `session_token` is a key for ' +
      "this session's routes alone, to be given to the browser. `success_url`, of an allowed origin: where the browser " +
      'goes on when all is done.',
    allow: ['platform'],
    request: {
      body: body(applicant.extend({ success_url: z.string().min(1).max(2048).optional() })),
    },
    response: envelope(z.object({ ...where, session_token: z.string(), expires_at: timeOut })),
  }),
  createCustomer: step(
    '/onboarding/step/create-customer',
    'Step 2: create the customer at Stripe',
    sessionOnly,
    z.object({ ...where, customer_id: z.string() }),
  ),
  setupPayment: step(
    '/onboarding/step/setup-payment',
    'Step 3: get a SetupIntent for Stripe.js to confirm a payment method with',
    z.strictObject({
      session_id: resourceId,
      return_url: z.string().min(1).max(2048),
      another_card: z
        .boolean()
        .optional()
        .meta({ description: 'A new SetupIntent, where the last one has confirmed a card already' }),
    }),
    z.object({
      ...where,
      client_secret: z.string(),
      setup_intent_id: z.string(),
      publishable_key: z.string().nullable(),
    }),
  ),
  selectPlan: step(
    '/onboarding/step/select-plan',
    'Step 4: choose a plan, a price and a discount',
    planChoice,
    z.object({ ...where, ...orderedPlan.shape }),
  ),
  previewPlan: step(
    '/onboarding/step/preview-plan',
    'What a plan would cost with a discount; changes nothing',
    planChoice,
    z.object({ ...where, ...orderedPlan.shape }),
  ),
  createSubscription: step(
    '/onboarding/step/create-subscription',
    'Step 5: create the subscription',
    sessionOnly,
    z.object({
      ...where,
      subscription_id: z.string(),
      subscription_status: z.string(),
      trial_ends_at: timeOut.nullable(),
      client_secret: z.string().optional(),
      requires_action: z.boolean().optional(),
    }),
  ),
  complete: step(
    '/onboarding/complete',
    'Step 6: finish',
    sessionOnly,
    z.object({ ...where, customer_id: z.string(), subscription_id: z.string(), message: z.string() }),
  ),
  applicant: step(
    '/onboarding/applicant',
    'Correct whom a session is for, until its subscription exists',
    applicant
      .partial()
      .extend({ session_id: resourceId, phone: applicant.shape.phone.nullable() })
      .refine(
        ({ session_id: _, ...correction }) => Object.values(correction).some((value) => value !== undefined),
        'must have a field to correct: email, name, company_name or phone',
      ),
    z.object(where),
  ),
  cancel: step('/onboarding/cancel', 'Give a session up', sessionOnly, z.object(where)),
  show: route({
    method: 'get',
    path: '/onboarding/{session_id}',
    tag: 'Onboarding',
    summary: 'The whole position of a session',
    allow: ['platform', 'tenant', 'session'],
    request: { params: z.object({ session_id: resourceId }) },
    response: envelope(positionOut),
  }),
}
