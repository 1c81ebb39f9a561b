import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { findKey, hashOfKey, type Scope, sameHash } from '../auth/keys.ts'
import { findLogin } from '../auth/logins.ts'
import type { AppContext } from '../context.ts'
import { AppError, NotFound } from '../errors.ts'
import type { ApiCaller, Env } from './env.ts'
import { burstLimit } from './limits.ts'
import { loginCookie } from './login-cookie.ts'
import { sameOrigin } from './same-origin.ts'

/**
 * Sets `c.get('caller')` from `X-API-Key` or `Authorization: Bearer`, or, on the operators' routes, from the cookie of
 * a console login. No, wrong, revoked and expired keys get one and the same 401. Wrong keys are counted per client
 * address; beyond the limit they get 429, good keys never do.
 */
export function authenticate(context: AppContext) {
  const { config, db, now } = context
  const countFailure = burstLimit({
    burst: 20,
    perMinute: 20,
    message: 'Too many wrong keys from this address',
  })
  const adminHash = config.adminApiKey === undefined ? undefined : hashOfKey(config.adminApiKey)
  const cookie = loginCookie(config)
  const fromOurPage = sameOrigin(config)

  const callerOf = async (key: string, requestId: string): Promise<ApiCaller | undefined> => {
    if (adminHash !== undefined && sameHash(adminHash, hashOfKey(key)))
      return { ...everywhere, actor: 'key:admin', keyId: 'admin', requestId }
    const row = await findKey(db.reader, key, now())
    if (row === undefined) return undefined
    return {
      actor: row.session_id === null ? `key:${row.key_id}` : `session:${row.session_id}`,
      scope: row.scope,
      tenantId: row.tenant_id,
      sessionId: row.session_id,
      keyId: row.key_id,
      requestId,
    }
  }

  const loginOf = (token: string) => findLogin(db, token, config.adminApiKey)

  /** A browser sends a cookie whoever asks it to: what changes anything must come from a page of ours. */
  const byCookie = async (c: Context<Env>, token: string): Promise<ApiCaller | undefined> => {
    const login = await loginOf(token)
    if (login === undefined) return undefined
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
      if (c.req.header('X-Requested-With') !== consoleName)
        throw new AppError(
          'forbidden',
          `With a cookie this needs the header X-Requested-With: ${consoleName}`,
        )
      await fromOurPage(c, async () => {})
    }
    const actor = `key:${login.keyId}`
    return { ...everywhere, actor, keyId: login.loginId, requestId: c.get('requestId') }
  }

  return createMiddleware<Env>(async (c, next) => {
    const key = keyOf(c)
    const token = key === undefined && c.req.path.startsWith('/api/v1/admin/') ? cookie.read(c) : undefined
    if (token !== undefined) {
      const operator = await byCookie(c, token)
      if (operator === undefined) throw unauthenticated()
      c.set('caller', operator)
      c.set('isStillIn', async () => (await loginOf(token)) !== undefined)
      return next()
    }
    if (key === undefined) throw unauthenticated()
    const requestId = c.get('requestId')
    const caller = await callerOf(key, requestId)
    if (caller === undefined) {
      countFailure(c.env?.incoming?.socket.remoteAddress ?? 'unknown')
      throw unauthenticated()
    }
    c.set('caller', caller)
    c.set('apiKey', key)
    c.set('isStillIn', async () => (await callerOf(key, requestId)) !== undefined)
    await next()
  })
}

/**
 * Lets through the admin scope and those that a route names. A tenant's key, or a session's token, that asks for
 * another tenant or session in the path, the query, the `X-Tenant-Id` header or the body gets 404, as for one that
 * does not exist.
 */
export function allow(scopes: readonly Scope[]) {
  return createMiddleware<Env>(async (c, next) => {
    const caller = c.get('caller')
    if (caller.scope !== 'admin' && !scopes.includes(caller.scope))
      throw new AppError('forbidden', `A key of the scope ${caller.scope} does not reach this route`)
    const body = c.get('body')
    for (const claim of [
      c.req.param('tenant_id'),
      ...(c.req.queries('tenant_id') ?? []),
      c.req.header('X-Tenant-Id'),
      body?.tenant_id,
    ])
      if (typeof claim === 'string') assertTenant(caller, claim)
    if (caller.sessionId !== null)
      for (const claim of [c.req.param('session_id'), body?.session_id])
        if (claim !== undefined && claim !== caller.sessionId) throw new NotFound('session')
    await next()
  })
}

/** For tenants that a request names elsewhere, and for the owner of what was found. @throws NotFound */
export function assertTenant(caller: ApiCaller, tenantId: string, what = 'tenant'): void {
  if (caller.tenantId !== null && caller.tenantId !== tenantId) throw new NotFound(what)
}

/** The tenant whose API call this is: made with its own key. The platform's calls, and the wizard's, are nobody's. */
export function provenTenant(c: Context): string | null {
  const caller: ApiCaller | undefined = c.get('caller')
  return caller?.scope === 'tenant' ? caller.tenantId : null
}

/** What the console says of itself in `X-Requested-With`, which no form and no simple request of another site has. */
const consoleName = 'stepledger-console'

/** An operator. */
const everywhere = { scope: 'admin', tenantId: null, sessionId: null } as const

const unauthenticated = () =>
  new AppError('unauthenticated', 'A valid key is needed, in X-API-Key or as Authorization: Bearer')

function keyOf(c: Context<Env>): string | undefined {
  const key = c.req.header('X-API-Key') ?? /^Bearer +(\S+)$/i.exec(c.req.header('Authorization') ?? '')?.[1]
  return key === undefined || key === '' || key.length > 512 ? undefined : key
}
