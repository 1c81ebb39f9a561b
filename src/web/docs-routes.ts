import { Hono } from 'hono'
import type { Env } from '../http/env.ts'
import { pageHeaders, serveFile } from './serve-page.ts'

/** Swagger UI for /openapi.json, from the package itself. */
export function docsRoutes(): Hono<Env> {
  const app = new Hono<Env>()
  // Its pictures are data: URLs; it sets styles through the DOM, which needs no permission.
  const headers = pageHeaders({ 'img-src': ['data:'] })
  const packaged = (name: string) => serveFile(new URL(import.meta.resolve(`swagger-ui-dist/${name}`)))
  app.get('/docs', headers, serveFile(new URL('docs/index.html', import.meta.url)))
  app.get('/docs/', (c) => c.redirect('/docs', 301))
  for (const name of ['docs.js', 'docs.css'])
    app.get(`/docs/${name}`, headers, serveFile(new URL(`docs/${name}`, import.meta.url)))
  for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js'])
    app.get(`/docs/${name}`, headers, packaged(name))
  return app
}
