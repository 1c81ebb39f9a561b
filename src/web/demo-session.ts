import { createHash, randomBytes } from 'node:crypto'
import { Hono } from 'hono'
import { sessionToken, storeSessionToken } from '../auth/keys.ts'
import type { AppContext } from '../context.ts'
import { InvalidRequest } from '../errors.ts'
import { readBody } from '../http/body.ts'
import type { Env } from '../http/env.ts'
import { refusal } from '../http/error-reply.ts'
import { burstLimit } from '../http/limits.ts'
import { sameOrigin } from '../http/same-origin.ts'
import { success } from '../http/schemas.ts'
import { ApplicantInput, start } from '../onboarding/start.ts'

/**
 * `POST /onboarding/demo-session`: step 1 for a visitor without a host product behind them, to try the wizard out on
 * the sandbox. Answers `session_id` and `session_token`. With a real Stripe key there is no such route.
 */
export function demoSessionRoute(context: AppContext): Hono<Env> {
  const app = new Hono<Env>()
  const countStart = burstLimit({
    burst: 20,
    perMinute: 6,
    message: 'Too many sessions were started from here; wait a moment',
  })
  // Tokens are derived from a key of their caller; this caller has one for as long as the process lives.
  const ownKey = randomBytes(32).toString('base64url')

  app.post(
    '/demo-session',
    sameOrigin(context.config),
    readBody({ limitBytes: 64 * 1024, timeoutMs: 10_000, json: true }),
    async (c) => {
      countStart(c.env?.incoming?.socket.remoteAddress ?? 'unknown')
      const parsed = ApplicantInput.safeParse(c.get('body') ?? {})
      if (!parsed.success) throw refusal('json', parsed.error)
      const key = c.req.header('Idempotency-Key')
      if (key !== undefined && !/^[\x20-\x7e]{1,255}$/.test(key))
        throw new InvalidRequest([{ path: 'Idempotency-Key', message: 'must be 1 to 255 ASCII characters' }])
      const { phone = null, ...person } = parsed.data
      const token = (sessionId: string) => sessionToken(ownKey, sessionId)
      const session = await start(
        context,
        { actor: 'wizard', tenantId: null, sessionId: null, keyId: 'wizard', requestId: c.get('requestId') },
        { applicant: { ...person, phone } },
        // Of a stranger's key another applicant gets no session that is not theirs.
        key &&
          createHash('sha256')
            .update(JSON.stringify([key, person, phone]))
            .digest('hex'),
        ({ trx, now }, { sessionId, tenantId }, expiresAt) =>
          storeSessionToken(trx, {
            token: token(sessionId),
            sessionId,
            tenantId,
            now,
            expiresAt,
          }),
      )
      c.header('Cache-Control', 'no-store')
      return c.json(success({ session_id: session.sessionId, session_token: token(session.sessionId) }))
    },
  )
  return app
}
