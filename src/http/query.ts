import { createMiddleware } from 'hono/factory'
import { textProblem } from '../db/text.ts'
import { InvalidRequest, NotFound } from '../errors.ts'
import type { Env } from './env.ts'

/**
 * Refuses texts that cannot be kept or looked for, in every parameter of the query and in the path, whatever the
 * route's own schema says of them: nobody can forget it. The body's are refused by `readBody`.
 * @throws InvalidRequest; NotFound: nothing has such an id
 */
export const checkQuery = createMiddleware<Env>(async (c, next) => {
  const problems = Object.entries(c.req.queries()).flatMap(([path, values]) =>
    values.flatMap((value) => {
      const message = textProblem(value)
      return message === undefined ? [] : [{ path, message }]
    }),
  )
  if (problems.length > 0) throw new InvalidRequest(problems)
  if (/%00/.test(c.req.path) || c.req.path.includes('\0')) throw new NotFound('resource')
  await next()
})
