import type { SelectedPlan } from '../../machines/onboarding-facts.ts'
import type { Config } from '../config.ts'
import type { Database } from '../db/database.ts'
import { type Due, dueOf, type Order } from './due.ts'
import { cardAt } from './price.ts'
import { readRateCards } from './rate-cards.ts'

/** `dueOf` by what is in force now: the rate card and the trial. Read once for many orders. */
export async function duesNow(context: {
  config: Config
  db: Database
  now: () => Date
}): Promise<(order: Order) => Due> {
  const startsAt = context.now()
  const card = cardAt(await readRateCards(context.db.reader), startsAt.toISOString())
  const { trialPeriodDays: trialDays } = context.config
  return (order) => dueOf(order, { card, trialDays, startsAt })
}

/** A selected plan as replies have it: with all that it will be charged. */
export const withDue = (plan: SelectedPlan, dueOfOrder: (order: Order) => Due) => ({
  ...plan,
  due: dueOfOrder({ ...plan, interval_count: plan.billing_interval_count }),
})
