import { OpenAPIHono } from '@hono/zod-openapi'
import type { Hono, MiddlewareHandler } from 'hono'
import type { AppContext } from '../context.ts'
import { NotFound } from '../errors.ts'
import { allow, authenticate } from './auth.ts'
import { readBody } from './body.ts'
import { crossOrigin, crossOriginPaths } from './cross-origin.ts'
import type { Env } from './env.ts'
import { errorReply } from './error-reply.ts'
import { idempotency } from './idempotency.ts'
import { type LiveStreams, liveStreams } from './live-streams.ts'
import { createMetrics } from './metrics.ts'
import { describeApi } from './openapi.ts'
import { checkQuery } from './query.ts'
import { requestId } from './request-id.ts'
import { requestLog } from './request-log.ts'
import type { Route } from './route.ts'
import { adminCauseRoutes } from './routes/admin-causes.ts'
import { adminClockRoutes } from './routes/admin-clock.ts'
import { adminEventRoutes } from './routes/admin-events.ts'
import { adminExportRoutes } from './routes/admin-export.ts'
import { adminInvoiceRoutes } from './routes/admin-invoices.ts'
import { adminJobRoutes } from './routes/admin-jobs.ts'
import { adminKeyRoutes } from './routes/admin-keys.ts'
import { adminOutboxRoutes } from './routes/admin-outbox.ts'
import { adminOverviewRoutes } from './routes/admin-overview.ts'
import { adminSessionRoutes } from './routes/admin-sessions.ts'
import { adminTenantRoutes } from './routes/admin-tenants.ts'
import { adminUsageRoutes } from './routes/admin-usage.ts'
import { type ClockFollower, clockFollowerRoutes } from './routes/clock-follower.ts'
import { customerRoutes } from './routes/customers.ts'
import { discountRoutes } from './routes/discounts.ts'
import { healthRoutes } from './routes/health.ts'
import { invoiceRoutes } from './routes/invoices.ts'
import { onboardingStandingRoutes } from './routes/onboarding-standing.ts'
import { onboardingStepRoutes } from './routes/onboarding-steps.ts'
import { paymentMethodRoutes } from './routes/payment-methods.ts'
import { planRoutes } from './routes/plans.ts'
import { statusRoutes } from './routes/status.ts'
import { subscriptionRoutes } from './routes/subscriptions.ts'
import { usageRoutes } from './routes/usage.ts'
import { webhookRoutes } from './routes/webhooks.ts'

/** Under /api/v1, with a key. */
const resources: ((context: AppContext, live: LiveStreams) => Route[])[] = [
  onboardingStepRoutes,
  onboardingStandingRoutes,
  customerRoutes,
  subscriptionRoutes,
  discountRoutes,
  planRoutes,
  statusRoutes,
  invoiceRoutes,
  paymentMethodRoutes,
  usageRoutes,
  adminSessionRoutes,
  adminEventRoutes,
  adminTenantRoutes,
  adminUsageRoutes,
  adminExportRoutes,
  adminInvoiceRoutes,
  adminJobRoutes,
  adminOutboxRoutes,
  adminKeyRoutes,
  adminCauseRoutes,
  adminOverviewRoutes,
  adminClockRoutes,
]
export type AppOptions = {
  /** What is shown outside /api/v1. Default: nothing. */
  pages?: Hono<Env>
  /** Counts API calls by `provenTenant`. Default: nothing is counted. */
  tracking?: MiddlewareHandler
  /** A sandbox in another process calls the service. Default: none does. */
  clockFollower?: ClockFollower
  /** How long a request's body may take to arrive. Default 10,000. */
  bodyTimeoutMs?: number
}

/** The whole HTTP interface on a context: `app.fetch` for a server, `app.request` for a test. */
export function createApp(context: AppContext, options: AppOptions = {}): OpenAPIHono<Env> {
  const { log } = context
  const { pages, tracking, clockFollower, bodyTimeoutMs: timeoutMs = 10_000 } = options
  const metrics = createMetrics(context)
  const app = new OpenAPIHono<Env>()
  app.onError((error, c) => errorReply(error, c, log))
  app.notFound((c) => errorReply(new NotFound('route'), c, log))

  app.use(requestId(), requestLog(log, metrics))
  app.route('/', healthRoutes(context, metrics))
  describeApi(app, context.config)
  if (clockFollower) app.route('/', clockFollowerRoutes(clockFollower))
  if (pages) app.route('/', pages)

  app.use('/api/v1/billing/webhooks', readBody({ limitBytes: mebibyte, timeoutMs, json: false }))
  app.route('/api/v1', webhookRoutes(context))

  // Before whatever may refuse: a page must be able to read why, and a preflight has no key.
  for (const path of crossOriginPaths) app.use(path, crossOrigin(context.config))
  app.use('/api/v1/*', async (c, next) => {
    c.header('Cache-Control', 'no-store')
    await next()
  })
  if (tracking) app.use('/api/v1/*', tracking)
  app.use('/api/v1/*', authenticate(context), checkQuery)
  const batchBody = readBody({ limitBytes: mebibyte, timeoutMs, json: true })
  const otherBody = readBody({ limitBytes: 64 * 1024, timeoutMs, json: true })
  app.use('/api/v1/*', (c, next) => (c.req.path === batchPath ? batchBody : otherBody)(c, next))
  app.use('/api/v1/admin/*', allow([]))
  app.use('/api/v1/*', idempotency(context))
  const live = liveStreams(context)
  const api = new OpenAPIHono<Env>()
  for (const routes of resources) for (const mount of routes(context, live)) mount(api)
  app.route('/api/v1', api)
  return app
}

const mebibyte = 1024 * 1024
const batchPath = '/api/v1/billing/usage/batch'
