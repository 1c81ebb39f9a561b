/** What a tenant may use of what was bought. */
export const accesses = ['full', 'grace', 'suspended', 'none'] as const
export type Access = (typeof accesses)[number]

/** Why a tenant has the access that it has. */
export const accessReasons = [
  ...(['subscription_active', 'trialing', 'ends_at_period_end'] as const),
  ...([
    'payment_failed',
    'grace_over',
    'dispute_lost',
    'unpaid',
    'paused',
    'ended',
    'unknown_status',
  ] as const),
  ...(['incomplete', 'never_subscribed'] as const),
] as const
export type AccessReason = (typeof accessReasons)[number]

/** How access is decided. */
export type AccessRules = {
  /** From the first failed payment until access is suspended. */
  graceDays: number
  /** Whether who gets the money of an invoice back from the bank is shut out. */
  suspendOnLostDispute: boolean
}

/** Where nothing else is set. */
export const defaultAccessRules: AccessRules = { graceDays: 14, suspendOnLostDispute: false }

/** A subscription may wait for its first payment; then it runs, and ends. It never goes back to an earlier stage. */
const stages = { waiting: 0, running: 1, ended: 2 } as const
type Life = { stage: keyof typeof stages; access: Access; isLate: boolean }

/**
 * Stripe's statuses, https://docs.stripe.com/billing/subscriptions/overview. `access`: by the subscription alone, whatever its
 * invoices say. `isLate`: a payment is owed that has failed.
 */
const lives: Record<string, Life> = {
  incomplete: { stage: 'waiting', access: 'none', isLate: false },
  trialing: { stage: 'running', access: 'full', isLate: false },
  active: { stage: 'running', access: 'full', isLate: false },
  past_due: { stage: 'running', access: 'grace', isLate: true },
  unpaid: { stage: 'running', access: 'suspended', isLate: true },
  paused: { stage: 'running', access: 'suspended', isLate: false },
  canceled: { stage: 'ended', access: 'suspended', isLate: false },
  incomplete_expired: { stage: 'ended', access: 'none', isLate: false },
}

/** A status that Stripe has made up since. */
const unknownLife: Life = { stage: 'running', access: 'suspended', isLate: false }
const lifeOf = (status: string): Life => lives[status] ?? unknownLife

export const endedStatuses = Object.keys(lives).filter(hasEnded)
export function hasEnded(status: string): boolean {
  return lifeOf(status).stage === 'ended'
}

/** How much further the one status is in a subscription's life; 0: either may follow the other. */
export const stagesFrom = (from: string, to: string) => stages[lifeOf(to).stage] - stages[lifeOf(from).stage]

export const isLate = (status: string) => lifeOf(status).isLate
export const lateStatuses = Object.keys(lives).filter(isLate)
/** What was bought is paid for, or on trial. */
export const isInOrder = (status: string) => lifeOf(status).access === 'full'
/** What was bought may be used, be it for a while. */
export const isUsable = (status: string) => isInOrder(status) || lifeOf(status).access === 'grace'
export const usableStatuses = Object.keys(lives).filter(isUsable)

/**
 * What a tenant may use, and until when as things stand (null: no end is in sight).
 * @param subscription the live one, or else the last; `endsAt`: the end of what is paid for, where it ends with that
 * @param failingSince the first failure of the oldest open invoice whose payment has failed
 * @param isDisputeLost a dispute was lost that suspends
 */
export function accessOf(
  subscription: { status: string; endsAt: string | null } | undefined,
  {
    failingSince,
    isDisputeLost = false,
    graceDays,
    now,
  }: { failingSince: string | null; isDisputeLost?: boolean; graceDays: number; now: string },
): { access: Access; until: string | null } {
  if (subscription === undefined) return { access: 'none', until: null }
  const { access } = lifeOf(subscription.status)
  if (!isUsable(subscription.status)) return { access, until: null }
  if (isDisputeLost) return { access: 'suspended', until: null }
  if (failingSince === null) return { access, until: access === 'full' ? subscription.endsAt : null }
  const until = new Date(Date.parse(failingSince) + graceDays * 86_400_000).toISOString()
  return now < until ? { access: 'grace', until } : { access: 'suspended', until: null }
}

/** Why `accessOf` says so. @param access as it does */
export function reasonFor(
  subscription: { status: string; endsAt: string | null } | undefined,
  access: Access,
  isDisputeLost = false,
): AccessReason {
  if (subscription === undefined) return 'never_subscribed'
  const { status, endsAt } = subscription
  if (access === 'none') return 'incomplete'
  if (access === 'grace') return 'payment_failed'
  if (access === 'full') {
    if (endsAt !== null) return 'ends_at_period_end'
    return status === 'trialing' ? 'trialing' : 'subscription_active'
  }
  if (isUsable(status)) return isDisputeLost ? 'dispute_lost' : 'grace_over'
  if (hasEnded(status)) return 'ended'
  return status === 'unpaid' || status === 'paused' ? status : 'unknown_status'
}
