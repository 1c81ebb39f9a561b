import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { matchedRoutes } from 'hono/route'
import type { Logger } from 'pino'
import type { ApiCaller, Env } from './env.ts'
import type { Metrics } from './metrics.ts'

/** One line and one measurement per request: the route's pattern, never the path, query, headers or bodies. */
export function requestLog(log: Logger, metrics: Metrics) {
  return createMiddleware<Env>(async (c, next) => {
    const startedAt = performance.now()
    await next()
    const durationMs = performance.now() - startedAt
    const { status } = c.res
    const route = routeOf(c)
    metrics.observe({ method: c.req.method, route, status, durationMs })
    const caller: ApiCaller | undefined = c.get('caller')
    log[status >= 500 ? 'error' : isRoutine(route) ? 'debug' : 'info'](
      {
        method: c.req.method,
        route,
        status,
        duration_ms: Math.round(durationMs * 10) / 10,
        request_id: c.get('requestId'),
        actor: caller?.actor,
        tenant_id: caller?.tenantId ?? undefined,
        code: c.get('errorCode'),
      },
      'request',
    )
  })
}

/** The pattern of the handler that answered. Paths that nobody serves are one, so that nobody can make up labels. */
function routeOf(c: Context): string {
  return matchedRoutes(c).findLast(({ path }) => !path.includes('*'))?.path ?? 'unmatched'
}

/** Probes, scrapers, and the files of pages. */
const isRoutine = (route: string) => /^\/(health|metrics)|\.(js|ts|css|svg|png)$/.test(route)
