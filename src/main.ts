import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { firstAdminKey, forgetExpiredTokens } from './auth/keys.ts'
import { forgetEndedLogins } from './auth/logins.ts'
import { wakeBilling } from './charges/bill.ts'
import type { Service } from './cli/service.ts'
import { onDatabase, opening } from './cli/start-failure.ts'
import { besideDatabase, type Config, fileOf, sandboxBase } from './config.ts'
import type { AppContext } from './context.ts'
import { type Database, openDatabase } from './db/database.ts'
import { migrate } from './db/migrate.ts'
import { ensurePersonalKeys, findPersonalKeys } from './db/personal-key-file.ts'
import type { PersonalKeys } from './db/personal-keys.ts'
import { assertPersonalKeys } from './db/seals.ts'
import { lockForService } from './db/service-lock.ts'
import { assertStoredForm } from './db/stored-form.ts'
import { releaseLeases } from './effects/effects.ts'
import { createApp } from './http/app.ts'
import { provenTenant } from './http/auth.ts'
import { forgetIdempotencyKeys } from './http/idempotency-keys.ts'
import { closed, listening, ownOrigin } from './http/listen.ts'
import { clockFollowerPath } from './http/routes/clock-follower.ts'
import { billTimer } from './inbox/bill-timer.ts'
import { syncCatalogue } from './inbox/catalogue/sync-catalogue.ts'
import { ingest } from './inbox/ingest.ts'
import { listCustomer } from './inbox/list-customer.ts'
import { refreshObject } from './inbox/refresh.ts'
import { scheduleSweep, sweepEvents } from './inbox/sweep.ts'
import { tellListener } from './inbox/tell-listener.ts'
import { assertNotAhead } from './log/ahead.ts'
import { createLog } from './logging/log-output.ts'
import { sessionTimer, wakeOverdue } from './onboarding/expiry.ts'
import { effectRunner } from './outbox/runner.ts'
import { requestHandlers } from './outbox/stripe-request.ts'
import { refoldSessions } from './projections/onboarding-sessions.ts'
import { stripeClient } from './stripe/client.ts'
import { type DistantClock, distantClock } from './stripe/distant-clock.ts'
import { embeddedSandbox } from './stripe/embedded-sandbox.ts'
import { stripeGateway } from './stripe/gateway.ts'
import { embeddedClock, goAlongMs, type SandboxClock } from './stripe/sandbox-clock.ts'
import { ensureRateCard } from './usage/ensure-rate-card.ts'
import { recordCalls } from './usage/record-calls.ts'
import { type UsageTracking, usageTracking } from './usage/tracking.ts'
import { webRoutes } from './web/web-routes.ts'

const upkeepMs = 3_600_000
/** By the service's own clock, which may leap, so it is looked at more often. */
const lookMs = 60_000
/** For the effects: what waits for Stripe longer is in the outbox. */
const patienceMs = 3_000
const effectsMs = 6_000
/** To close what a start had opened when it failed. */
const failedStartMs = 4_000

/**
 * The service as a whole: schema, sandbox, HTTP, outbox, sweeps.
 * @throws StartFailure when the database, a port or the usage journal cannot be had; all that was opened is closed then
 */
export async function serve(config: Config, log: Logger = logOf(config)): Promise<Service> {
  const opened = new AsyncDisposableStack()
  try {
    return await start(config, log, opened)
  } catch (error) {
    await Promise.race([opened.disposeAsync(), sleep(failedStartMs, undefined, { ref: false })]).catch(
      () => {},
    )
    throw error
  }
}

/** What can be refused is refused before the port is open: nobody's request waits for a service that does not come. */
async function start(config: Config, log: Logger, opened: AsyncDisposableStack): Promise<Service> {
  const closing = new AbortController()
  const abandon = new AbortController()
  const keys = await opening('PERSONAL_DATA_KEY', () =>
    findPersonalKeys(config.databaseUrl, { keys: config.personalDataKeys, file: config.personalKeyFile }),
  )
  const db = await opening('DATABASE_URL', () => lockedDatabase(config, keys, opened))
  await opening('DATABASE_URL', () => assertStoredForm(db))
  // A database that is another's, or whose key is lost, is left as it is.
  await opening('PERSONAL_DATA_KEY', () => assertPersonalKeys(db))
  await opening('DATABASE_URL', () => migrate(db))
  const newKeyFile = await opening('PERSONAL_DATA_KEY', () => ensurePersonalKeys(db, config.databaseUrl))
  const address = Promise.withResolvers<string>()
  const sandbox =
    config.stripe.enabled && config.stripe.mode === 'sandbox'
      ? await opening('STRIPE_SANDBOX_PORT', () => embeddedSandbox(config, address.promise, opened))
      : undefined
  opened.defer(() => address.reject(new Error('the service is not there')))
  address.promise.catch(() => {})
  const distant = sandbox === undefined ? await clockElsewhere(config, log) : undefined
  // Counting begins once there is somewhere to record.
  const counting: { tracking?: UsageTracking } = {}
  const recordCounted = async () =>
    counting.tracking?.flush().catch((error) => log.warn({ err: error }, 'API calls are recorded later'))
  const context = createContext({
    config: sandbox?.config ?? config,
    db,
    log,
    sandboxClock: sandbox === undefined ? distant : embeddedClock(sandbox.running),
    recordCounted,
    closing: closing.signal,
    abandon: abandon.signal,
  })
  if (!config.acceptClock) await opening('DATABASE_URL', () => assertNotAhead(db.reader, context.now()))
  const tracking = await opening(journalOf(config).setting, () => countApiCalls(context))
  counting.tracking = tracking
  // Without its port or its database, the service keeps what it has counted in the journal.
  opened.defer(() =>
    tracking.close().catch((error) => log.error({ err: error }, 'API calls are left in the journal')),
  )
  await onDatabase(() => prepare(context))

  const upkeep = upkeepOf(context)
  /** At each instant of a move of the sandbox's. */
  const goAlong = async (now: number): Promise<number | null> => {
    const giveUpAt = performance.now() + goAlongMs
    await Promise.race([recordCounted(), sleep(goAlongMs / 2, undefined, { ref: false })])
    // It reads lists at Stripe for as long as that takes, and no instant depends on it.
    void upkeep.keepUp()
    const due = await context.effects.catchUp(giveUpAt - performance.now())
    return due === null ? null : Math.max(now, Math.ceil(Date.parse(due) / 1000))
  }
  const calls = distant && {
    token: randomBytes(32).toString('base64url'),
    call(now: number) {
      distant.called(now)
      return goAlong(now)
    },
  }
  const pages = webRoutes(context)
  const server = await opening('PORT', () =>
    listening(config, createApp(context, { pages, tracking, ...(calls && { clockFollower: calls }) }).fetch),
  )
  opened.defer(async () => {
    closing.abort()
    const impatient = setTimeout(() => abandon.abort(), patienceMs)
    const effects = Promise.all([upkeep.stop(), context.effects.stop()])
    await Promise.all([closed(server), Promise.race([effects, sleep(effectsMs, undefined, { ref: false })])])
    clearTimeout(impatient)
    abandon.abort()
  })
  const { port } = server.address() as AddressInfo
  const origin = ownOrigin(config, port)
  address.resolve(`${origin}/api/v1/billing/webhooks`)
  context.effects.start()
  if (context.stripe !== undefined) upkeep.start()
  if (sandbox !== undefined) {
    const { clock } = sandbox.running
    opened.defer(clock.follow('the service', goAlong))
    // First of all: no instant is played without the service.
    opened.defer(() => clock.halt())
    clock.resume()
  }
  if (calls !== undefined)
    await distant
      ?.register(`${origin}${clockFollowerPath}/${calls.token}`)
      .catch((error) => log.warn({ err: error }, 'the sandbox will be asked again to call this service'))
  // A key that nobody gets to see must not be made: not before all is there.
  const newAdminKey = await onDatabase(() => firstAdminKey(db, config, context.now()))

  return {
    url: origin.replace('//127.0.0.1:', '//localhost:'),
    newAdminKey,
    newKeyFile,
    sandboxUrl: sandbox?.running.url,
    stop: () => opened.disposeAsync(),
  }
}

function lockedDatabase(config: Config, keys: PersonalKeys, opened: AsyncDisposableStack): Database {
  const path = fileOf(config)
  if (path !== undefined && path !== ':memory:') opened.defer(lockForService(path))
  const db = openDatabase(config.databaseUrl, keys)
  opened.defer(() => db.close())
  return db
}

/** What the log and the tables need before the first request. */
async function prepare(context: AppContext): Promise<void> {
  const { db, log, config, stripe } = context
  // The lock says that no other service runs on this file.
  if (db.dialect === 'sqlite') await db.transact(releaseLeases)
  const { refolded, stranded } = await db.transact(refoldSessions)
  if (refolded + stranded > 0) log.warn({ refolded, stranded }, 'the statechart has changed')
  await context.transact({ actor: 'startup' }, wakeOverdue)
  await context.transact({ actor: 'startup' }, wakeBilling)
  if (config.stripe.mode === 'stripe' && config.stripe.webhookSecrets.length === 0)
    log.warn("STRIPE_WEBHOOK_SECRET is not set: Stripe's webhooks are refused until it is")
  await ensureRateCard(context, config)
  if (stripe !== undefined) await scheduleSweep(context)
}

export const logOf = (config: Config): Logger =>
  createLog({
    level: config.logLevel,
    secrets: [
      config.adminApiKey,
      config.stripe.secretKey,
      ...config.stripe.webhookSecrets,
      ...(config.personalDataKeys ?? []).map((key) => key.toString('base64')),
    ],
  })

/** Beside a SQLite database, and on a server's one for each instance. `setting` is what tells two apart. */
const journalOf = (config: Config) =>
  fileOf(config) === undefined
    ? { path: besideDatabase(config, `api-calls-${config.port}`), setting: 'PORT' }
    : { path: besideDatabase(config, 'api-calls'), setting: 'DATABASE_URL' }

function countApiCalls(context: AppContext): UsageTracking {
  const { config, log } = context
  return usageTracking({
    tenantOf: provenTenant,
    now: () => context.now().getTime(),
    journal: journalOf(config).path,
    onError: (error) => log.error({ err: error }, 'API calls could not be recorded yet'),
    record: recordCalls(context),
  })
}

/** Learns what Stripe sells and forgets old keys: at the start, and each time that an hour has passed since. */
function upkeepOf(context: AppContext): { start(): void; keepUp(): Promise<void>; stop(): Promise<void> } {
  const { db, log, now } = context
  let running = Promise.resolve()
  let dueAtMs: number | undefined
  let timer: NodeJS.Timeout | undefined
  const work = async () => {
    try {
      await syncCatalogue(context)
      await forgetIdempotencyKeys(db, now())
      await forgetExpiredTokens(db, now())
      await forgetEndedLogins(db)
    } catch (error) {
      log.warn({ err: error }, 'the upkeep will be tried again')
    }
  }
  const keepUp = () => {
    if (dueAtMs !== undefined && now().getTime() >= dueAtMs) {
      dueAtMs = now().getTime() + upkeepMs
      running = running.then(work)
    }
    return running
  }
  return {
    start() {
      dueAtMs = now().getTime()
      timer = setInterval(keepUp, lookMs)
      void keepUp()
    },
    keepUp,
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}

/** The clock of a sandbox in another process, if that is what STRIPE_API_BASE is. */
async function clockElsewhere(config: Config, log: Logger): Promise<DistantClock | undefined> {
  const base = sandboxBase(config)
  if (base === undefined) return undefined
  return distantClock(base).catch((error) => {
    log.warn({ err: error }, 'STRIPE_API_BASE does not answer: a sandbox must be there before the service is')
    return undefined
  })
}

/**
 * Puts the parts together on a database whose schema is up to date. Nothing runs yet.
 * @param parts.config `stripe.secretKey` and `stripe.apiBase` as they are to be used, the embedded sandbox's included
 */
export function createContext(parts: {
  config: Config
  db: Database
  log: Logger
  /** Default: the sandbox's, or else the machine's. */
  now?: () => Date
  sandboxClock?: SandboxClock | undefined
  closing?: AbortSignal
  /** Records what was counted of our own API's calls. By default there is none. */
  recordCounted?: () => Promise<void>
  /** When it is aborted, calls to Stripe that are under way are given up; they stay in the outbox. */
  abandon?: AbortSignal
}): AppContext {
  const { config, db, log, sandboxClock, closing = new AbortController().signal, abandon } = parts
  const now = parts.now ?? sandboxClock?.now ?? (() => new Date())
  const recordCounted = parts.recordCounted ?? (async () => {})
  const { enabled, secretKey, apiBase } = config.stripe
  const stripe = enabled
    ? stripeGateway(stripeClient(secretKey ?? 'sk_test_sandbox', apiBase, abandon))
    : undefined
  const outside = { db, now, sandboxClock, stripe, log, accessRules: config.accessRules }
  const { effects, transact } = effectRunner(outside, {
    ...requestHandlers(outside),
    expire_session: sessionTimer(outside),
    refresh_object: refreshObject(outside),
    list_customer: listCustomer(outside),
    tell_listener: tellListener,
    bill_tenant: billTimer({ recordCounted }),
    sweep_events: sweepEvents(outside, (event) => ingest(context, event)),
  })
  const context: AppContext = {
    config,
    db,
    log,
    now,
    sandboxClock,
    stripe,
    effects,
    transact,
    recordCounted,
    closing,
  }
  return context
}
