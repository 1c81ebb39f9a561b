import { Hono } from 'hono'
import type { AppContext } from '../context.ts'
import type { Env } from '../http/env.ts'
import { demoSessionRoute } from './demo-session.ts'
import { sandboxBridge } from './sandbox-bridge.ts'
import { type Allowed, pageHeaders, serveFile } from './serve-page.ts'
import { wizardSettings } from './wizard-settings.ts'

/** `/onboarding`: the six-step wizard, its files, and what it needs while the sandbox stands for Stripe. */
export function wizardRoutes(context: AppContext): Hono<Env> {
  const app = new Hono<Env>()
  const settings = wizardSettings(context.config)
  const headers = pageHeaders({
    ...(settings.cards === 'stripe' && stripeJs),
    'frame-ancestors': context.config.allowedOrigins,
  })

  app.get('/onboarding', headers, serveFile(new URL('wizard/index.html', import.meta.url)))
  app.get('/onboarding/', (c) => c.redirect('/onboarding', 301))
  app.get('/onboarding/settings.json', headers, (c) => {
    c.header('Cache-Control', 'no-store')
    return c.json(settings)
  })
  for (const path of files)
    app.get(`/onboarding/assets/${path}`, headers, serveFile(new URL(`../${path}`, import.meta.url)))
  if (settings.can_begin) app.route('/onboarding', demoSessionRoute(context))
  if (settings.cards === 'sandbox') app.route('/onboarding', sandboxBridge(context))
  return app
}

/** https://docs.stripe.com/security/guide#content-security-policy */
const stripeJs: Allowed = {
  'script-src': ['https://js.stripe.com', 'https://*.js.stripe.com'],
  'connect-src': ['https://api.stripe.com'],
  'frame-src': ['https://js.stripe.com', 'https://*.js.stripe.com', 'https://hooks.stripe.com'],
  'img-src': ['https://*.stripe.com'],
}

/** Paths as they are below src/, so that the modules' relative imports hold in the browser too. */
const files = [
  ...[
    'wizard.css',
    'icon.svg',
    'main.js',
    'session-link.js',
    'screen.ts',
    'dom.js',
    'words.js',
    'dialogs.js',
    'begin.js',
    'charges.js',
    'page-history.js',
  ],
  ...[
    'views/start.js',
    'views/details.js',
    'views/done.js',
    'views/card.js',
    'views/plan.js',
    'views/subscribe.js',
  ],
  ...['views/finish.js', 'views/plain.js', 'cards/sandbox-cards.js', 'cards/stripe-cards.js'],
]
  .map((name) => `web/wizard/${name}`)
  .concat(['client.ts', 'error.ts', 'event-stream.ts', 'request.ts'].map((name) => `client/${name}`))
