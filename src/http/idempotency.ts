import { createMiddleware } from 'hono/factory'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { AppContext } from '../context.ts'
import { InvalidRequest } from '../errors.ts'
import type { Env } from './env.ts'
import {
  claimIdempotencyKey,
  type KeyedRequest,
  releaseIdempotencyKey,
  storeReply,
} from './idempotency-keys.ts'
import { isSecret, withoutSecrets, withSecrets } from './secrets-in-replies.ts'

/**
 * `Idempotency-Key` on any POST: the same key, route and body answers the stored reply, with the header
 * `Idempotent-Replayed: true`; another body or route is refused. Only successes are stored, without their secrets.
 * After a failure the same request is carried out again: the use cases are safe to repeat. A second request waits while
 * the first one runs in this process.
 */
export function idempotency(context: AppContext) {
  const { db, log, now } = context
  const running = new Map<string, Promise<void>>()

  return createMiddleware<Env>(async (c, next) => {
    const key = c.req.header('Idempotency-Key')
    if (c.req.method !== 'POST' || key === undefined) return next()
    if (!/^[\x20-\x7e]{1,255}$/.test(key))
      throw new InvalidRequest([
        { path: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' },
      ])
    const caller = c.get('caller')
    const request: KeyedRequest = {
      keyId: caller.keyId,
      idempotencyKey: key,
      tenantId: caller.tenantId,
      route: `POST ${c.req.path}`,
      body: c.get('body') ?? null,
    }
    c.set('idempotencyKey', key)

    const id = `${caller.keyId} ${key}`
    while (running.has(id)) await running.get(id)
    const { promise, resolve } = Promise.withResolvers<void>()
    running.set(id, promise)
    try {
      const claim = await claimIdempotencyKey(db, request, now())
      const reply = claim.state === 'stored' ? await withSecrets(context, c, claim.reply) : undefined
      if (claim.state === 'stored' && reply !== undefined)
        return c.body(reply, claim.status as ContentfulStatusCode, {
          'Content-Type': 'application/json',
          'Idempotent-Replayed': 'true',
        })
      await next()
      const { status } = c.res
      const isUndone = undone.has(status) || c.get('errorCode') === 'idempotency_mismatch'
      if (claim.state === 'first' && isUndone) await releaseIdempotencyKey(db, claim.held)
      if (status < 200 || status > 299 || isSecret(c.req.path)) return
      await storeReply(db, claim.held, { status, reply: withoutSecrets(await c.res.clone().text()) })
    } catch (error) {
      // What was done is done, and answered: without a stored reply the same request is carried out again.
      if (!c.finalized) throw error
      log.warn(
        { err: error, request_id: c.get('requestId') },
        'the state of an idempotency key was not stored',
      )
    } finally {
      running.delete(id)
      resolve()
    }
  })
}

/** Refusals that come before anything is done; so does one of a key that was used for another request long ago. */
const undone = new Set([400, 403, 404, 422])
