import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../src/errors.ts'
import { allow, assertTenant } from '../../src/http/auth.ts'
import type { ApiCaller, Env } from '../../src/http/env.ts'

const session: ApiCaller = {
  actor: 'session:s1',
  scope: 'session',
  tenantId: 'tenant_a',
  sessionId: 's1',
  keyId: 'key_1',
  requestId: 'request',
}

async function outcome(caller: ApiCaller, path: string, body?: Record<string, unknown>) {
  const app = new Hono<Env>()
  app.onError((error, c) => c.text(error instanceof AppError ? error.code : 'other'))
  app.use(async (c, next) => {
    c.set('caller', caller)
    c.set('body', body)
    await next()
  })
  app.all('/onboarding/:session_id', allow(['session']), (c) => c.text('ok'))
  app.all('/step', allow(['session']), (c) => c.text('ok'))
  return (await app.request(path)).text()
}

describe("a session's token", () => {
  test.each([
    ['/onboarding/s1', undefined, 'ok'],
    ['/onboarding/s2', undefined, 'not_found'],
    ['/step', { session_id: 's1' }, 'ok'],
    ['/step', { session_id: 's2' }, 'not_found'],
    ['/step', { session_id: ['s1'] }, 'not_found'],
    ['/step', { session_id: 's1', tenant_id: 'tenant_b' }, 'not_found'],
    ['/step?tenant_id=tenant_a&tenant_id=tenant_b', { session_id: 's1' }, 'not_found'],
  ])('on %s with the body %o: %s', async (path, body, expected) => {
    expect(await outcome(session, path, body)).toBe(expected)
  })
})

test('the admin scope passes where it is not named, no other scope does', async () => {
  const key = { tenantId: null, sessionId: null, actor: 'key:1', keyId: '1', requestId: 'r' }
  expect(await outcome({ ...key, scope: 'admin' }, '/step')).toBe('ok')
  expect(await outcome({ ...key, scope: 'platform' }, '/step')).toBe('forbidden')
})

test('assertTenant lets platform keys touch any tenant, tenant keys their own', () => {
  assertTenant({ ...session, tenantId: null }, 'tenant_b')
  assertTenant(session, 'tenant_a')
  expect(() => assertTenant(session, 'tenant_b', 'customer')).toThrow('No such customer')
})
