import { Hono } from 'hono'
import { closeLogin, findLogin, openLogin } from '../../auth/logins.ts'
import type { AppContext } from '../../context.ts'
import { AppError } from '../../errors.ts'
import { authenticate } from '../../http/auth.ts'
import type { Env } from '../../http/env.ts'
import { loginCookie } from '../../http/login-cookie.ts'
import { sameOrigin } from '../../http/same-origin.ts'
import { success } from '../../http/schemas.ts'
import { pageHeaders, serveFile } from '../serve-page.ts'

/** `/console`: the operators' page, and its login. All else it gets from /api/v1/admin. */
export function consoleRoutes(context: AppContext): Hono<Env> {
  const app = new Hono<Env>()
  const headers = pageHeaders()

  app.get('/console', headers, serveFile(new URL('index.html', import.meta.url)))
  app.get('/console/', (c) => c.redirect('/console', 301))
  for (const path of files)
    app.get(`/console/assets/${path}`, headers, serveFile(new URL(path, import.meta.url)))
  for (const [name, module] of Object.entries(packaged))
    app.get(`/console/vendor/${name}`, headers, serveFile(new URL(import.meta.resolve(module))))
  app.route('/console', loginRoutes(context))
  return app
}

/** The key comes in X-API-Key, as everywhere, and is held against the same limit; the cookie is another secret. */
function loginRoutes(context: AppContext): Hono<Env> {
  const { config, db } = context
  const app = new Hono<Env>()
  const cookie = loginCookie(config)
  const ownPage = sameOrigin(config)
  const login = (token: string | undefined) =>
    token === undefined ? undefined : findLogin(db, token, config.adminApiKey)

  app.use(async (c, next) => {
    c.header('Cache-Control', 'no-store')
    await next()
  })

  app.post('/login', ownPage, authenticate(context), async (c) => {
    const { scope, keyId } = c.get('caller')
    if (scope !== 'admin')
      throw new AppError('forbidden', `The console needs a key of the scope admin; this one’s is ${scope}`)
    const { token, expiresAt } = await openLogin(db, { keyId, key: c.get('apiKey') })
    cookie.set(c, token, expiresAt)
    return c.json(success({ key_id: keyId, expires_at: expiresAt }))
  })

  app.post('/logout', ownPage, async (c) => {
    const open = await login(cookie.read(c))
    if (open !== undefined) await closeLogin(db, open)
    cookie.clear(c)
    return c.json(success({}))
  })

  // Not 401 without one: a page that asks whether to show its login has done nothing wrong.
  app.get('/login', async (c) => {
    const open = await login(cookie.read(c))
    return c.json(success({ key_id: open?.keyId ?? null, expires_at: open?.expiresAt ?? null }))
  })
  return app
}

const files = [
  ...['page', 'parts', 'facts', 'views', 'statechart'].map((sheet) => `styles/${sheet}.css`),
  ...['icon.svg', 'main.js', 'router.js', 'login.js', 'api.js', 'dom.js', 'words.js'],
  ...['table.js', 'fact.js', 'fact-data.js', 'latest-facts.js', 'why.js', 'confirm.js', 'statechart.js'],
  ...['layout.js', 'usage-chart.js', 'clock.js'],
  ...[
    ...['overview', 'sessions', 'session', 'tenants', 'tenant', 'delinquent', 'log', 'webhooks', 'effects'],
    ...['jobs', 'then', 'tenant-access', 'tenant-months', 'tenant-tables', 'dunning', 'job-result'],
  ].map((view) => `views/${view}.js`),
]

const packaged = {
  'uPlot.esm.js': 'uplot/dist/uPlot.esm.js',
  'uPlot.min.css': 'uplot/dist/uPlot.min.css',
  'elk-api.js': 'elkjs/lib/elk-api.js',
  'elk-worker.min.js': 'elkjs/lib/elk-worker.min.js',
}
