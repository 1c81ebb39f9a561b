import { listPlans, Plan } from '../../billing/plans.ts'
import type { AppContext } from '../../context.ts'
import { listOf, PageQuery } from '../../db/page.ts'
import { route } from '../route.ts'

/** What can be subscribed to. */
export const planRoutes = (context: AppContext) => [
  route(
    {
      method: 'get',
      path: '/billing/plans',
      tag: 'Plans',
      summary: 'Plans and their prices, cheapest first',
      allow: ['platform', 'tenant', 'session'],
      query: PageQuery,
      reply: listOf(Plan),
    },
    ({ query }) => listPlans(context, query),
  ),
]
