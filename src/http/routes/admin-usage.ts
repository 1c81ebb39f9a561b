import type { AppContext } from '../../context.ts'
import { claim } from '../../ops/usage/claim.ts'
import { UsageDecision, UsageDecisionInput } from '../../ops/usage/decision.ts'
import { forgive } from '../../ops/usage/forgive.ts'
import { release } from '../../ops/usage/release.ts'
import { route } from '../route.ts'

/** What operators decide about usage: each is a fact, with why. */
export const adminUsageRoutes = (context: AppContext) => [
  route(
    verb(
      'forgive',
      'Let nobody pay what a month owes and was not charged yet; without a month, what was used outside all of them',
    ),
    ({ by, body }) => forgive(context, by, body),
  ),
  route(
    verb('claim', 'Charge counts of times outside all service months, in the open month or the next one'),
    ({ by, body }) => claim(context, by, body),
  ),
  route(
    verb('release', 'Charge what is held because it is more than Stripe takes as one amount'),
    ({ by, body }) => release(context, by, body),
  ),
]

const verb = (name: string, summary: string) => ({
  method: 'post' as const,
  path: `/admin/usage/${name}`,
  tag: 'Operators',
  summary,
  allow: [] as const,
  body: UsageDecisionInput,
  reply: UsageDecision,
})
