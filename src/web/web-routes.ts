import { Hono } from 'hono'
import type { AppContext } from '../context.ts'
import type { Env } from '../http/env.ts'
import { consoleRoutes } from './console/console-routes.ts'
import { docsRoutes } from './docs-routes.ts'
import { frontDoor } from './front-door.ts'
import { wizardRoutes } from './wizard-routes.ts'

/** The pages outside /api/v1: what they need beyond it, they get from their own routes here. */
export function webRoutes(context: AppContext): Hono<Env> {
  const app = new Hono<Env>()
  app.route('/', frontDoor())
  app.route('/', wizardRoutes(context))
  app.route('/', docsRoutes())
  app.route('/', consoleRoutes(context))
  return app
}
