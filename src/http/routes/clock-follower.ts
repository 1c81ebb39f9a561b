import { createHash, timingSafeEqual } from 'node:crypto'
import { Hono } from 'hono'
import { z } from 'zod'
import { NotFound } from '../../errors.ts'
import { readBody } from '../body.ts'
import type { Env } from '../env.ts'
import { refusal } from '../error-reply.ts'

/** The sandbox's calls at each instant of a move, under an address that it was told and nobody can guess. */
export type ClockFollower = {
  token: string
  /** Does what is due by then (unix seconds) and answers when the next is due. */
  call(now: number): Promise<number | null>
}

export const clockFollowerPath = '/sandbox-clock'

export function clockFollowerRoutes({ token, call }: ClockFollower): Hono<Env> {
  const app = new Hono<Env>()
  const expected = digest(token)
  app.post(
    `${clockFollowerPath}/:token`,
    async (c, next) => {
      if (!timingSafeEqual(digest(c.req.param('token')), expected)) throw new NotFound('route')
      await next()
    },
    readBody({ limitBytes: 1024, timeoutMs: 10_000, json: true }),
    async (c) => {
      const { data, error } = body.safeParse(c.get('body'))
      if (error !== undefined) throw refusal('json', error)
      return c.json({ next_due: await call(data.now) })
    },
  )
  return app
}

/** The end of the year 9999, as at the sandbox: no clock comes back from beyond. */
const body = z.strictObject({ now: z.int().min(0).max(253_402_300_799) })

const digest = (text: string) => createHash('sha256').update(text).digest()
