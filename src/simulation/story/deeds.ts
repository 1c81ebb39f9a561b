import type { UsageType } from '../model.ts'

export const plans = ['weekly', 'monthly', 'quarterly', 'yearly', 'monthly_large'] as const
export type Plan = (typeof plans)[number]

export const discountCodes = ['FOREVER20', 'ONCE30', 'ONCE-4000', 'MONTHS-2-50', 'MONTHS-3-1500'] as const
export type DiscountCode = (typeof discountCodes)[number]

/**
 * What somebody does. `pick`, from 0 to 1, is of what there is when it is done: usage records or invoices, the oldest
 * first. What is not possible then is refused by the service, and nothing is done.
 */
export type Deed =
  | { do: 'subscribe'; plan: Plan; trialDays: number; discount: DiscountCode | null }
  | { do: 'use'; type: UsageType; action: 'increment' | 'set'; quantity: number; minutesAgo: number }
  | { do: 'void_usage'; pick: number }
  | { do: 'change_plan'; plan: Plan }
  | { do: 'cancel'; atPeriodEnd: boolean }
  | { do: 'resume' }
  | { do: 'pause' }
  | { do: 'new_card'; works: boolean }
  | { do: 'void_invoice'; pick: number }
  | { do: 'retry_invoice'; pick: number }
  | { do: 'rebill_invoice'; pick: number }

/** At `at`, unix seconds, by the tenant of that number. */
export type Step = { at: number; tenant: number; deed: Deed }

export const minute = 60
export const hour = 60 * minute
export const day = 24 * hour
