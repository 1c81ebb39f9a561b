import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve as listen, type ServerType } from '@hono/node-server'
import type { Logger } from 'pino'
import { syncCatalogue } from './billing/catalogue.ts'
import { createContext } from './compose.ts'
import type { Config } from './config.ts'
import type { AppContext } from './context.ts'
import { openDatabase } from './db/database.ts'
import { migrate } from './db/migrate.ts'
import { createApp } from './http/app.ts'
import { provenTenant } from './http/auth.ts'
import { forgetIdempotencyKeys } from './idempotency-keys.ts'
import { createKey, forgetExpiredTokens } from './keys.ts'
import { createLog } from './log-output.ts'
import { wakeOverdue } from './onboarding/expiry.ts'
import { refoldSessions } from './projections/onboarding-sessions.ts'
import { type Sandbox, startSandbox } from './stripe-sandbox/sandbox.ts'
import { ensureRateCard } from './usage/rate-cards.ts'
import { recordCalls } from './usage/record-calls.ts'
import { type UsageTracking, usageTracking } from './usage/tracking.ts'
import { scheduleSweep } from './webhooks/sweep.ts'

export type Service = {
  /** Where it listens, such as http://localhost:8080. */
  url: string
  /** Shown once: the admin key that a first start without ADMIN_API_KEY has made. */
  newAdminKey: string | undefined
  sandboxUrl: string | undefined
  /** Stops taking requests, finishes the running ones, flushes what was counted and closes, within 10 s. */
  stop(): Promise<void>
}

const upkeepMs = 3_600_000
/** For the running requests, and for the running effects; together under the 10 s that `stop` has. */
const requestsMs = 5_000
const effectsMs = 3_000

/**
 * The service as a whole: schema, sandbox, HTTP, outbox, sweeps.
 * @throws when the database, the port or the usage journal cannot be had
 */
export async function serve(config: Config, log: Logger = logOf(config)): Promise<Service> {
  const closing = new AbortController()
  const db = openDatabase(config.databaseUrl)
  await migrate(db)

  // The sandbox sends webhooks to this server and this server calls the sandbox: each needs the other's port, so
  // requests wait until both are there.
  const { promise: ready, resolve: open } = Promise.withResolvers<ReturnType<typeof createApp>>()
  const server = await listening(config, async (request, env) => (await ready).fetch(request, env))
  const { port } = server.address() as AddressInfo
  const sandbox =
    config.stripe.enabled && config.stripe.mode === 'sandbox'
      ? await embeddedSandbox(config, port)
      : undefined
  const context = createContext({ config: sandbox?.config ?? config, db, log, closing: closing.signal })

  const { refolded, stranded } = await db.transact(refoldSessions)
  if (refolded + stranded > 0) log.warn({ refolded, stranded }, 'the statechart has changed')
  await db.transact((trx) => wakeOverdue(trx, context.now().toISOString()))
  if (config.stripe.mode === 'stripe' && config.stripe.webhookSecrets.length === 0)
    log.warn("STRIPE_WEBHOOK_SECRET is not set: Stripe's webhooks are refused until it is")
  await ensureRateCard(db, config, context.now())
  const newAdminKey = await firstAdminKey(context)
  const tracking = countApiCalls(context)
  open(createApp(context, { tracking }))
  if (context.stripe !== undefined) await scheduleSweep(db, context.now())
  await context.effects.start()
  const upkeep = context.stripe === undefined ? undefined : startUpkeep(context)

  return {
    url: `http://${config.host === '127.0.0.1' || config.host === '0.0.0.0' ? 'localhost' : config.host}:${port}`,
    newAdminKey,
    sandboxUrl: sandbox?.running.url,
    async stop() {
      closing.abort()
      await closed(server)
      // What waits for Stripe longer than that is in the outbox, and goes on at the next start.
      await Promise.race([
        Promise.all([upkeep?.(), context.effects.stop()]),
        sleep(effectsMs, undefined, { ref: false }),
      ])
      await tracking.close().catch((error) => log.error({ err: error }, 'API calls are left in the journal'))
      await sandbox?.running.close()
      await db.close()
    },
  }
}

export const logOf = (config: Config): Logger =>
  createLog({
    level: config.logLevel,
    secrets: [config.adminApiKey, config.stripe.secretKey, ...config.stripe.webhookSecrets],
  })

type Handler = (request: Request, env: object) => Promise<Response>

function listening(config: Config, fetch: Handler): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const server = listen(
      {
        fetch,
        port: config.port,
        hostname: config.host,
        // The app itself answers a slow body; this is for headers that never end.
        serverOptions: { requestTimeout: 60_000, headersTimeout: 20_000 },
      },
      () => resolve(server),
    )
    server.on('error', reject)
  })
}

/** Waits for the running requests, for a while. */
function closed(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    // A stream's connection is idle only when the stream has ended, which is after the first look.
    const looking = setInterval(() => {
      if ('closeIdleConnections' in server) server.closeIdleConnections()
    }, 50)
    const impatient = setTimeout(
      () => 'closeAllConnections' in server && server.closeAllConnections(),
      requestsMs,
    )
    server.close(() => {
      clearInterval(looking)
      clearTimeout(impatient)
      resolve()
    })
  })
}

async function embeddedSandbox(config: Config, port: number): Promise<{ running: Sandbox; config: Config }> {
  const secret = config.stripe.webhookSecrets[0] ?? `whsec_${randomBytes(24).toString('hex')}`
  const host = config.host === '0.0.0.0' ? '127.0.0.1' : config.host
  const running = await startSandbox({
    file: besideDatabase(config, 'stripe-sandbox.db'),
    port: config.stripe.sandboxPort,
    webhook: { url: `http://${host}:${port}/api/v1/billing/webhooks`, secret },
  })
  const stripe: Config['stripe'] = {
    ...config.stripe,
    apiBase: running.url,
    publishableKey: config.stripe.publishableKey ?? 'pk_test_sandbox',
    webhookSecrets: config.stripe.webhookSecrets.length > 0 ? config.stripe.webhookSecrets : [secret],
  }
  return { running, config: { ...config, stripe } }
}

/** A file beside the database, or, where that is a server, in the working directory. */
function besideDatabase({ databaseUrl }: Config, name: string): string {
  const path = databaseUrl.startsWith('file:') ? databaseUrl.slice('file:'.length) : 'stepledger.db'
  return `${path.replace(/\.db$/, '')}.${name}`
}

async function firstAdminKey({ db, config, now }: AppContext): Promise<string | undefined> {
  if (config.adminApiKey !== undefined) return undefined
  const known = await db.reader
    .selectFrom('api_keys')
    .select('key_id')
    .where('scope', '=', 'admin')
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return known === undefined ? (await createKey(db, { scope: 'admin', now: now() })).key : undefined
}

function countApiCalls(context: AppContext): UsageTracking {
  const { config, log } = context
  return usageTracking({
    tenantOf: provenTenant,
    journal: besideDatabase(
      config,
      config.databaseUrl.startsWith('file:') ? 'api-calls' : `api-calls-${config.port}`,
    ),
    onError: (error) => log.error({ err: error }, 'API calls could not be recorded yet'),
    record: recordCalls(context),
  })
}

/** Learns what Stripe sells and forgets old keys: now and every hour. Returns the way to stop that. */
function startUpkeep(context: AppContext): () => Promise<void> {
  const { db, log, now } = context
  const keepUp = async () => {
    try {
      await syncCatalogue(context)
      await forgetIdempotencyKeys(db, now())
      await forgetExpiredTokens(db, now())
    } catch (error) {
      log.warn({ err: error }, 'the upkeep will be tried again')
    }
  }
  let running = keepUp()
  const timer = setInterval(() => {
    running = running.then(keepUp)
  }, upkeepMs)
  return async () => {
    clearInterval(timer)
    await running
  }
}
