import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { cors } from 'hono/cors'
import type { Env } from './env.ts'
import { isLoopbackOrigin } from './loopback.ts'

/** The whole HTTP interface: `hidden` under `/_sandbox`, everything else is the API's. */
export function createListener(options: { hidden: Hono<Env>; api: Hono<Env>; nowMs: () => number }) {
  const { hidden, api, nowMs } = options
  const app = new Hono<Env>({ strict: false })
  app.use((c, next) => {
    c.header('Date', new Date(nowMs()).toUTCString())
    const origin = c.req.header('origin')
    // A page from elsewhere that found the port.
    return origin === undefined || isLoopbackOrigin(origin) ? next() : Promise.resolve(c.body(null, 403))
  })
  app.use(
    cors({
      origin: (origin) => (isLoopbackOrigin(origin) ? origin : null),
      allowMethods: ['GET', 'POST', 'DELETE'],
      exposeHeaders: ['Request-Id', 'Stripe-Version', 'Idempotent-Replayed'],
    }),
  )
  app.use(
    bodyLimit({
      maxSize: 1024 * 1024,
      onError: (c) => c.body(null, 413, { Connection: 'close' }),
    }),
  )
  app.route('/_sandbox', hidden)
  app.route('/', api)
  return getRequestListener(app.fetch)
}
