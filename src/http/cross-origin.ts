import { cors } from 'hono/cors'
import type { Config } from '../config.ts'

/**
 * Lets pages of the allowed origins, which are the host product's, use what a session's token reaches, and read the
 * refusals too. Without credentials: who calls is proven by the token alone, never by a cookie.
 */
export const crossOrigin = ({ allowedOrigins }: Pick<Config, 'allowedOrigins'>) =>
  cors({
    origin: allowedOrigins,
    allowMethods: ['GET', 'POST'],
    allowHeaders: ['X-API-Key', 'Authorization', 'Content-Type', 'Idempotency-Key', 'Last-Event-ID'],
    exposeHeaders: ['Retry-After', 'Idempotent-Replayed', 'X-Request-Id'],
    maxAge: 600,
  })

/** The steps and the stream, and the plans to choose from. */
export const crossOriginPaths = ['/api/v1/onboarding/*', '/api/v1/billing/plans']
