import { z } from 'zod'
import type { AppContext } from '../../context.ts'
import { tenantId } from '../../db/fields.ts'
import { ClockMove, ClockMoved, moveClock, PlayedClock, playedClock } from '../../ops/played-clock.ts'
import { route } from '../route.ts'

export const adminClockRoutes = (context: AppContext) => [
  route(
    {
      method: 'get',
      path: '/admin/sandbox/clock',
      tag: 'Operators',
      summary: 'The time in force, whether a sandbox plays it, and how far a move is',
      allow: [],
      query: z.object({ tenant_id: tenantId.optional() }),
      reply: PlayedClock,
    },
    ({ query }) => playedClock(context, query.tenant_id),
  ),
  route(
    {
      method: 'post',
      path: '/admin/sandbox/clock',
      tag: 'Operators',
      summary: 'Move the sandbox’s clock, and wait until all is done that happens on the way',
      description: '404 without a sandbox. Time is played instant by instant and never goes back.',
      allow: [],
      body: ClockMove,
      reply: ClockMoved,
    },
    ({ body }) => moveClock(context, body),
  ),
]
