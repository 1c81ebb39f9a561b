import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServerType, serve } from '@hono/node-server'
import Stripe from 'stripe'
import { inject } from 'vitest'
import { createKey } from '../../src/auth/keys.ts'
import { readConfig } from '../../src/config.ts'
import type { AppContext } from '../../src/context.ts'
import { openDatabase } from '../../src/db/database.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createApp } from '../../src/http/app.ts'
import { syncCatalogue } from '../../src/inbox/catalogue/sync-catalogue.ts'
import { createLog } from '../../src/logging/log-output.ts'
import { createContext } from '../../src/main.ts'
import { embeddedClock } from '../../src/stripe/sandbox-clock.ts'
import { type Sandbox, startSandbox } from '../../src/stripe-sandbox/sandbox.ts'
import { ensureRateCard } from '../../src/usage/ensure-rate-card.ts'
import { webRoutes } from '../../src/web/web-routes.ts'
import { testKeys } from './databases.ts'
import { adminKey, type Reply, requestsBy, type SendRequest } from './requests.ts'

const webhookSecret = 'whsec_of_the_tests'

export type Service = {
  context: AppContext
  app: ReturnType<typeof createApp>
  /** Where it listens; undefined without `webhooks`. */
  url: string | undefined
  sandbox: Sandbox
  /** Where its files are: another service on them is this one after a restart. */
  directory: string
  /** A client of the sandbox, for what happens at Stripe behind the service's back. */
  stripe: Stripe
  keys: { platform: string }
  /** Lines of the service's log. */
  logLines: string[]
  /** `path` without /api/v1. `key`: '' sends none; by default the admin's. */
  request: SendRequest
  tenantKey(tenantId: string): Promise<string>
  close(): Promise<void>
}

export type ServiceOptions = {
  /** Instead of a directory of its own, which goes away with the service: for a restart. */
  directory?: string
  /** Instead of a sandbox of its own. */
  sandbox?: Sandbox
  environment?: Record<string, string>
  /** Instead of the sandbox's time. */
  now?: () => Date
  /** The time of both the service and its sandbox, unix milliseconds, a test's to move. */
  clock?: { nowMs: number }
  /** Whether the sandbox sends its webhooks to the service, by itself and with `sandbox.deliverDue()`. */
  webhooks?: boolean
  /** Whether the catalogue is there from the start. Default true. */
  catalogue?: boolean
}

/** The same request until its outcome is known, as a client does. */
export async function eventually(request: () => Promise<Reply>): Promise<Reply> {
  for (let retries = 0; ; retries += 1) {
    const reply = await request()
    if (reply.status !== 503 || retries === 5) return reply
  }
}

/**
 * The real app on a real SQLite file, against the sandbox through the real SDK. The outbox runs on demand, and at each
 * instant of a move of `sandbox.clock`, whose time is the service's.
 */
export async function startService(options: ServiceOptions = {}): Promise<Service> {
  const { clock, now } = options
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'service-')))
  if (options.directory === undefined) await copyFile(inject('migratedSqlite'), join(directory, 'test.db'))
  const { promise: ready, resolve: open } = Promise.withResolvers<ReturnType<typeof createApp>>()
  const server = options.webhooks
    ? await listening(async (request) => (await ready).fetch(request))
    : undefined
  const sandbox =
    options.sandbox ??
    (await startSandbox({
      file: join(directory, 'sandbox.db'),
      ...(clock && { clock: () => clock.nowMs }),
      ...(server === undefined ? {} : { webhook: { url: webhookUrl(server), secret: webhookSecret } }),
    }))
  const config = readConfig({
    ADMIN_API_KEY: adminKey,
    DATABASE_URL: `file:${join(directory, 'test.db')}`,
    STRIPE_SECRET_KEY: 'sk_test_of_the_tests',
    STRIPE_API_BASE: sandbox.url,
    STRIPE_WEBHOOK_SECRET: webhookSecret,
    ...options.environment,
  })
  const db = openDatabase(config.databaseUrl, testKeys())
  await migrate(db)
  const logLines: string[] = []
  const log = createLog({
    level: 'debug',
    secrets: [adminKey],
    destination: { write: (line) => void logLines.push(line) },
  })
  const context = createContext({
    config,
    db,
    log,
    sandboxClock: embeddedClock(sandbox),
    ...(now && { now }),
  })
  const goAlong = async () => {
    const due = await context.effects.catchUp()
    return due === null ? null : Math.ceil(Date.parse(due) / 1000)
  }
  await ensureRateCard(context, config)
  if (options.catalogue !== false && context.stripe !== undefined) await syncCatalogue(context)
  const platform = (await createKey(db, { scope: 'platform', now: context.now() })).key
  const app = createApp(context, { pages: webRoutes(context) })
  open(app)
  const leave = sandbox.clock.follow(config.databaseUrl, goAlong)
  const { hostname: host, port } = new URL(sandbox.url)

  return {
    context,
    app,
    url: server && new URL(webhookUrl(server)).origin,
    sandbox,
    directory,
    stripe: new Stripe('sk_test_of_the_tests', { host, port, protocol: 'http', telemetry: false }),
    keys: { platform },
    logLines,
    request: requestsBy((path, init) => app.request(`/api/v1${path}`, init)),
    tenantKey: async (tenantId) =>
      (await createKey(db, { scope: 'tenant', tenantId, now: context.now() })).key,
    async close() {
      leave()
      server?.close()
      await context.effects.stop()
      if (options.sandbox === undefined) await sandbox.close()
      await db.close()
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
    },
  }
}

function listening(fetch: (request: Request) => Promise<Response>): Promise<ServerType> {
  return new Promise((resolve) => {
    const server = serve({ fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(server))
  })
}

const webhookUrl = (server: ServerType) =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/billing/webhooks`
