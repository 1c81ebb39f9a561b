import { Hono } from 'hono'
import type { AppContext } from '../context.ts'
import { AppError } from '../errors.ts'
import { readBody } from '../http/body.ts'
import type { Env } from '../http/env.ts'
import { sameOrigin } from '../http/same-origin.ts'

/**
 * What Stripe.js asks of Stripe, for the sandbox's card form: handed on to the sandbox with the publishable key, so
 * that the page works wherever it is opened, though the sandbox listens on this machine alone. `authenticate` is the
 * bank's challenge.
 */
export function sandboxBridge({ config }: AppContext): Hono<Env> {
  const app = new Hono<Env>()
  const { apiBase, publishableKey } = config.stripe
  const key = publishableKey?.startsWith('pk_test_') ? publishableKey : 'pk_test_sandbox'
  const ask = async (method: 'GET' | 'POST', path: string, body: string | undefined) => {
    try {
      return await fetch(new URL(path, apiBase), {
        method,
        headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/x-www-form-urlencoded' },
        ...(body && { body }),
        redirect: 'error',
        signal: AbortSignal.timeout(10_000),
      })
    } catch (cause) {
      throw new AppError('stripe_unavailable', 'The sandbox does not answer', { cause, retryAfterSeconds: 2 })
    }
  }

  app.use('/sandbox/*', readBody({ limitBytes: 16 * 1024, timeoutMs: 10_000, json: false }))
  const open = sameOrigin(config)
  for (const path of posts)
    app.post(`/sandbox/${path}`, open, async (c) =>
      passed(await ask('POST', below(c.req.url), await c.req.text())),
    )
  for (const path of gets)
    app.get(`/sandbox/${path}`, async (c) => passed(await ask('GET', below(c.req.url), undefined)))
  return app
}

const id = ':id{[a-z]+_[A-Za-z0-9]+}'
const posts = [
  'v1/payment_methods',
  `v1/setup_intents/${id}/confirm`,
  `v1/payment_intents/${id}/confirm`,
  `_sandbox/authenticate/${id}`,
]
const gets = [`v1/setup_intents/${id}`, `v1/payment_intents/${id}`]

function below(url: string): string {
  const { pathname, search } = new URL(url)
  return `${pathname.slice(pathname.indexOf('/sandbox/') + '/sandbox'.length)}${search}`
}

const passed = async (answer: Response) =>
  new Response(await answer.text(), {
    status: answer.status,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
  })
