import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { describe, expect, test } from 'vitest'
import { AppError, Conflict, type ErrorCode } from '../../src/errors.ts'
import type { Env } from '../../src/http/env.ts'
import { errorReply } from '../../src/http/error-reply.ts'
import { createLog } from '../../src/logging/log-output.ts'
import { testApp } from '../support/test-app.ts'

async function replyTo(error: unknown) {
  const lines: string[] = []
  const log = createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } })
  const app = new Hono<Env>()
  app.onError((thrown, c) => errorReply(thrown, c, log))
  app.get('/', (c) => {
    c.set('requestId', 'request-1')
    throw error
  })
  const response = await app.request('/')
  // biome-ignore lint/suspicious/noExplicitAny: looked into by the assertions
  const body = (await response.json()) as any
  return { status: response.status, headers: response.headers, body, log: lines.join('') }
}

describe('an error', () => {
  test('has the code, the message, the details and the request id', async () => {
    const { status, body } = await replyTo(
      new AppError('step_not_allowed', 'Not yet', { details: { next_step: 'complete' } }),
    )
    expect(status).toBe(409)
    expect(body).toEqual({
      success: false,
      error: {
        code: 'step_not_allowed',
        message: 'Not yet',
        details: { next_step: 'complete' },
        request_id: 'request-1',
      },
    })
  })

  test.each<[ErrorCode, number]>([
    ['malformed_request', 400],
    ['invalid_signature', 400],
    ['unauthenticated', 401],
    ['card_declined', 402],
    ['forbidden', 403],
    ['not_found', 404],
    ['request_timeout', 408],
    ['conflict', 409],
    ['payment_method_required', 409],
    ['already_subscribed', 409],
    ['idempotency_mismatch', 409],
    ['body_too_large', 413],
    ['invalid_request', 422],
    ['currency_mismatch', 422],
    ['rate_limited', 429],
    ['session_quarantined', 500],
    ['internal_error', 500],
    ['stripe_rejected_key', 502],
    ['stripe_unavailable', 503],
    ['stripe_disabled', 503],
    ['database_busy', 503],
  ])('%s is answered %i', async (code, expected) => {
    const { status, headers } = await replyTo(new AppError(code, 'message'))
    expect(status).toBe(expected)
    expect(headers.has('Retry-After')).toBe(expected === 503)
  })

  test('that says when to come back has that as Retry-After, in whole seconds', async () => {
    expect((await replyTo(new Conflict('busy'))).headers.get('Retry-After')).toBe('1')
    const late = new AppError('stripe_unavailable', 'later', { retryAfterSeconds: 2.1 })
    expect((await replyTo(late)).headers.get('Retry-After')).toBe('3')
  })

  test('that nobody foresaw is a 500 that says nothing, and its cause is in the log', async () => {
    const { status, body, log } = await replyTo(new Error('column x', { cause: new Error('the cause') }))
    expect(status).toBe(500)
    expect(body.error).toMatchObject({ code: 'internal_error', details: {}, request_id: 'request-1' })
    expect(JSON.stringify(body)).not.toContain('column x')
    expect(JSON.parse(log)).toMatchObject({
      level: 'error',
      request_id: 'request-1',
      err: { message: 'column x', cause: { message: 'the cause' } },
    })
  })

  test("of Hono's own keeps to the shape", async () => {
    const { status, body } = await replyTo(new HTTPException(415, { message: 'Unsupported Media Type' }))
    expect([status, body.error.code]).toEqual([400, 'malformed_request'])
  })
})

test('a route that nobody serves is 404 in the shape, with the request id that was sent', async () => {
  const t = await testApp()
  try {
    for (const path of ['/nowhere', '/api/v1/nowhere', '/api/v1/billing/usage']) {
      const { status, body, headers } = await t.get(path, { headers: { 'X-Request-Id': 'mine-1' } })
      expect([status, body.error.code, body.error.request_id]).toEqual([404, 'not_found', 'mine-1'])
      expect(headers.get('X-Request-Id')).toBe('mine-1')
    }
    const odd = await t.get('/nowhere', { headers: { 'X-Request-Id': 'a b' } })
    expect(odd.body.error.request_id).toMatch(/^[0-9a-f-]{36}$/)
    const long = await t.get('/nowhere', { headers: { 'X-Request-Id': 'x'.repeat(65) } })
    expect(long.body.error.request_id).toMatch(/^[0-9a-f-]{36}$/)
  } finally {
    await t.close()
  }
})
