import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Env } from './env.ts'

/** `/openapi.json`, made from the routes themselves. */
export function describeApi(app: OpenAPIHono<Env>): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'ApiKey', {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
  })
  app.openAPIRegistry.registerComponent('securitySchemes', 'Bearer', { type: 'http', scheme: 'bearer' })
  let document: object | undefined
  app.get('/openapi.json', (c) => {
    // At the first request, when every route has been mounted.
    document ??= app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: {
        title: 'Stepledger',
        version: '1',
        description: 'Takes a new tenant from sign-up to paying, and bills it from then on.',
      },
    })
    return c.json(document)
  })
}
