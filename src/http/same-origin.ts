import { createMiddleware } from 'hono/factory'
import { type Config, isLoopbackUrl } from '../config.ts'
import { AppError } from '../errors.ts'
import type { Env } from './env.ts'

/**
 * Lets through what a page of this service has sent: no other site's page, which a browser cannot hide the origin of.
 * @throws AppError forbidden
 */
export function sameOrigin({ publicUrl }: Pick<Config, 'publicUrl'>) {
  const ours = new URL(publicUrl).origin
  return createMiddleware<Env>(async (c, next) => {
    const origin = c.req.header('Origin')
    const site = c.req.header('Sec-Fetch-Site')
    const isOurs =
      origin === ours ||
      // The same machine by another of its names: then the address that was asked says which.
      (isLoopbackUrl(ours) &&
        origin !== undefined &&
        isLoopbackUrl(origin) &&
        new URL(origin).host === c.req.header('Host'))
    if (!isOurs || (site !== undefined && site !== 'same-origin'))
      throw new AppError('forbidden', 'Only a page of this service may ask for this')
    await next()
  })
}
