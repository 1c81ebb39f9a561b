import { randomUUID } from 'node:crypto'
import { createMiddleware } from 'hono/factory'
import { maskText } from '../logging/mask.ts'
import type { Env } from './env.ts'

/**
 * Each request's id, in its reply, the log and the metadata of its facts: the caller's `X-Request-Id`, if that is a token
 * that says nothing of a person, or one of our own.
 */
export const requestId = () =>
  createMiddleware<Env>(async (c, next) => {
    const given = c.req.header('X-Request-Id') ?? ''
    const isToken = /^[\w=-]{1,64}$/.test(given) && !/^\d{7,}$/.test(given) && maskText(given) === given
    const id = isToken ? given : randomUUID()
    c.set('requestId', id)
    c.header('X-Request-Id', id)
    await next()
  })
