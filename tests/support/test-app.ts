import { createKey } from '../../src/auth/keys.ts'
import { readConfig } from '../../src/config.ts'
import type { AppContext } from '../../src/context.ts'
import type { Database } from '../../src/db/database.ts'
import { type AppOptions, createApp } from '../../src/http/app.ts'
import { type JsonObject, takeApart } from '../../src/log/take-apart.ts'
import { createLog } from '../../src/logging/log-output.ts'
import { record } from '../../src/projections/record.ts'
import { ensureRateCard } from '../../src/usage/ensure-rate-card.ts'
import { webRoutes } from '../../src/web/web-routes.ts'
import { createSqlite, type TestDatabase } from './databases.ts'
import { adminKey, type RequestOptions, requestsBy } from './requests.ts'
import { transactAt } from './turns.ts'

export type TestApp = Awaited<ReturnType<typeof testApp>>

/**
 * The real app on a real database, without Stripe; the clock alone is a test's to set. Tenant `tenant_a` and
 * `tenant_b` have customers.
 */
export async function testApp(
  options: {
    database?: () => Promise<TestDatabase>
    environment?: Record<string, string>
    app?: AppOptions
    context?: Partial<AppContext>
    startAt?: string
  } = {},
) {
  const db = await (options.database ?? createSqlite)()
  const config = readConfig({ ADMIN_API_KEY: adminKey, DATABASE_URL: db.url, ...options.environment })
  const clock = { now: new Date(options.startAt ?? '2026-03-15T12:00:00.000Z') }
  const logLines: string[] = []
  const context = {
    config,
    db,
    log: createLog({
      level: 'debug',
      secrets: [config.adminApiKey],
      destination: { write: (line) => void logLines.push(line) },
    }),
    now: () => clock.now,
    stripe: undefined,
    transact: transactAt(db, () => clock.now),
    closing: new AbortController().signal,
    ...options.context,
  } as AppContext
  await ensureRateCard(context, config)
  for (const tenantId of ['tenant_a', 'tenant_b']) await addCustomer(db, tenantId)
  const keys = {
    platform: (await createKey(db, { scope: 'platform', now: clock.now })).key,
    a: (await createKey(db, { scope: 'tenant', tenantId: 'tenant_a', now: clock.now })).key,
    b: (await createKey(db, { scope: 'tenant', tenantId: 'tenant_b', now: clock.now })).key,
  }
  const app = createApp(context, { pages: webRoutes(context), ...options.app })

  /** The whole path, with /api/v1; by default the platform's key. */
  const request = requestsBy((path, init) => app.request(path, init), keys.platform)

  return {
    app,
    context,
    config,
    db,
    clock,
    keys,
    logLines,
    request,
    get: (path: string, options?: RequestOptions) => request('GET', path, undefined, options),
    post: (path: string, body?: unknown, options?: RequestOptions) => request('POST', path, body, options),
    close: () => db.close(),
  }
}

export async function addCustomer(db: Database, tenantId: string): Promise<void> {
  await observe(db, tenantId, 'customer', {
    id: `cus_${tenantId}`,
    object: 'customer',
    created: 1_700_000_000,
    email: `owner@${tenantId}.example`,
    balance: 0,
    delinquent: false,
    invoice_settings: { default_payment_method: null },
  })
}

async function observe(
  db: Database,
  tenantId: string,
  objectType: 'customer',
  object: Record<string, unknown> & { id: string; created: number },
): Promise<void> {
  const time = new Date(object.created * 1000).toISOString()
  const { safe, texts } = takeApart(object as JsonObject)
  await db.transact((trx) =>
    record(
      trx,
      `billing-${tenantId}`,
      'any',
      [
        {
          fact_id: `seen-${object.id}`,
          type: 'stripe.object_observed',
          tenant_id: tenantId,
          data: {
            object_type: objectType,
            object_id: object.id,
            as_of: object.created,
            is_deleted: false,
            object: safe,
            personal: texts,
          },
          metadata: { actor: 'worker' },
          occurred_at: time,
        },
      ],
      time,
    ),
  )
}
