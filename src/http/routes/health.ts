import { OpenAPIHono } from '@hono/zod-openapi'
import type { AppContext } from '../../context.ts'
import { pendingMigrations } from '../../db/migrate.ts'
import { missingTables } from '../../db/missing-tables.ts'
import { lastPosition } from '../../log/read.ts'
import type { Env } from '../env.ts'
import type { Metrics } from '../metrics.ts'

type Check = { ok: boolean; message?: string }

/** For probes and scrapers, without a key: they say whether it works, and nothing about whom it works for. */
export function healthRoutes(context: AppContext, metrics: Metrics): OpenAPIHono<Env> {
  const { db, log, stripe } = context
  const app = new OpenAPIHono<Env>()

  app.get('/health', (c) => c.json({ status: 'ok' }))

  app.get('/health/ready', async (c) => {
    const check = async (name: string, run: () => Promise<Check>): Promise<[string, Check]> => {
      try {
        return [name, await within(checkTimeoutMs, run())]
      } catch (error) {
        log.warn({ err: error, check: name }, 'a readiness check failed')
        return [name, { ok: false, message: 'unreachable' }]
      }
    }
    const checks = await Promise.all([
      check('database', async () => {
        await lastPosition(db.reader)
        return { ok: true }
      }),
      check('migrations', async () => {
        const missing = await missingTables(db)
        if (missing.length > 0) return { ok: false, message: `missing: ${missing.join(', ')}` }
        const pending = await pendingMigrations(db)
        return pending.length === 0 ? { ok: true } : { ok: false, message: `pending: ${pending.join(', ')}` }
      }),
      check('stripe', async () => (stripe ? stripe.healthy() : { ok: true, message: 'switched off' })),
    ])
    const isReady = checks.every(([, { ok }]) => ok)
    return c.json(
      { status: isReady ? 'ready' : 'unavailable', checks: Object.fromEntries(checks) },
      isReady ? 200 : 503,
    )
  })

  app.get('/metrics', async (c) => {
    const { text, contentType } = await metrics.scrape()
    return c.body(text, 200, { 'Content-Type': contentType })
  })

  return app
}

const checkTimeoutMs = 3_000

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
