import { Hono } from 'hono'
import type { Env } from '../http/env.ts'
import { pageHeaders, serveFile } from './serve-page.ts'

/** `/`: where people and programs go on from here. */
export function frontDoor(): Hono<Env> {
  const app = new Hono<Env>()
  const page = serveFile(new URL('front-door/index.html', import.meta.url))
  app.get('/', pageHeaders(), async (c, next) => {
    c.header('Vary', 'Accept')
    if (c.req.header('Accept')?.includes('text/html')) return page(c, next)
    return c.json(places)
  })
  app.get('/front-door.css', pageHeaders(), serveFile(new URL('front-door/front-door.css', import.meta.url)))
  return app
}

const places = {
  service: 'stepledger',
  api: '/api/v1',
  openapi: '/openapi.json',
  docs: '/docs',
  wizard: '/onboarding',
  console: '/console',
  health: '/health/ready',
}
