import type { AppContext } from '../../context.ts'
import { Overview, overview } from '../../ops/overview.ts'
import { Statechart, statechart } from '../../ops/statechart.ts'
import { route } from '../route.ts'

/** The service, and its statechart, as a whole. */
export const adminOverviewRoutes = (context: AppContext) => [
  route(
    {
      method: 'get',
      path: '/admin/statechart',
      tag: 'Operators',
      summary: 'The onboarding statechart of this code, and how many sessions are at each place',
      allow: [],
      reply: Statechart,
    },
    () => statechart(context.db),
  ),
  route(
    {
      method: 'get',
      path: '/admin/overview',
      tag: 'Operators',
      summary: 'How far the log is, how the calls to Stripe go, and what became of its webhooks',
      allow: [],
      reply: Overview,
    },
    () => overview(context),
  ),
]
