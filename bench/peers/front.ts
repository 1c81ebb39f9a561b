import { randomUUID } from 'node:crypto'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import Stripe from 'stripe'
import { z } from 'zod'

export const stepNames = [
  'start',
  'create-customer',
  'setup-payment',
  'select-plan',
  'create-subscription',
  'complete',
] as const
export type StepName = (typeof stepNames)[number]
/** What is known of a session: what its steps were given and have made. */
export type Session = Record<string, string>
/** Takes one step of a session, durably, and answers what it has made. */
export type TakeStep = (step: StepName, sessionId: string, input: Session) => Promise<Session>

const session_id = z.uuid()
const shapes = {
  start: z.strictObject({ email: z.email(), name: z.string().min(1), company_name: z.string().min(1) }),
  'create-customer': z.strictObject({ session_id }),
  'setup-payment': z.strictObject({ session_id, return_url: z.url() }),
  'select-plan': z.strictObject({ session_id, plan_id: z.string(), price_id: z.string() }),
  'create-subscription': z.strictObject({ session_id }),
  complete: z.strictObject({ session_id }),
}

/** The six routes, which check what comes in, and leave the step to the contestant. */
export function serveSteps(takeStep: TakeStep): void {
  const app = new Hono()
  for (const step of stepNames)
    app.post(
      `/api/v1/onboarding/${step === 'start' || step === 'complete' ? '' : 'step/'}${step}`,
      async (c) => {
        const parsed = shapes[step].safeParse(await c.req.json())
        if (!parsed.success) return c.json({ success: false, error: parsed.error.issues }, 422)
        const { session_id: given, ...input } = parsed.data as Session
        const sessionId = given ?? randomUUID()
        const made = await takeStep(step, sessionId, input)
        return c.json({ success: true, data: { session_id: sessionId, ...made } })
      },
    )
  app.onError((error, c) => c.json({ success: false, error: { message: String(error) } }, 500))
  listen(app)
}

/** On any free port, which is printed. */
export function listen(app: Hono): void {
  serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
    console.log(JSON.stringify({ url: `http://127.0.0.1:${port}` })),
  )
  process.once('SIGTERM', () => process.exit(0))
}

const base = new URL(process.env.STRIPE ?? 'http://127.0.0.1:1')
const stripe = new Stripe('sk_test_of_the_benchmark', {
  host: base.hostname,
  port: base.port,
  protocol: 'http',
  telemetry: false,
})

/** What a step asks of Stripe, under this key. */
export async function askStripe(step: StepName, session: Session, idempotencyKey: string): Promise<Session> {
  const customer = String(session.customer_id)
  const metadata = { tenant_id: String(session.tenant_id) }
  if (step === 'create-customer') {
    const { email, name } = session as { email: string; name: string }
    const made = await stripe.customers.create({ email, name, metadata }, { idempotencyKey })
    return { customer_id: made.id }
  }
  if (step === 'setup-payment') {
    const made = await stripe.setupIntents.create({ customer, metadata }, { idempotencyKey })
    return { setup_intent_id: made.id, client_secret: String(made.client_secret) }
  }
  if (step === 'select-plan') {
    const { status, payment_method } = await stripe.setupIntents.retrieve(String(session.setup_intent_id))
    if (status !== 'succeeded') throw new Error('no card yet')
    return { payment_method: String(payment_method) }
  }
  if (step === 'create-subscription') {
    const made = await stripe.subscriptions.create(
      {
        customer,
        items: [{ price: String(session.price_id) }],
        default_payment_method: String(session.payment_method),
        metadata,
      },
      { idempotencyKey },
    )
    return { subscription_id: made.id }
  }
  return {}
}

/** @throws unless this step is the session's next, or its last one again */
export function assertNext(step: StepName, done: StepName | undefined): void {
  const next = done === undefined ? 0 : stepNames.indexOf(done) + 1
  if (stepNames.indexOf(step) !== next) throw new Error(`${step} after ${done}`)
}

export const newTenant = () => `tenant_${randomUUID()}`
