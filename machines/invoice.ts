/**
 * An invoice goes one way: from one rank to a higher one, and from the last to none. `isDue`: somebody has to pay it, or will
 * have to. `isUndone`: nobody has to any more, and nobody has paid. https://docs.stripe.com/invoicing/overview
 */
const lives: Record<string, { rank: number; isDue: boolean; isUndone: boolean }> = {
  draft: { rank: 0, isDue: true, isUndone: false },
  open: { rank: 1, isDue: true, isUndone: false },
  // Written off by the seller; it may be paid all the same.
  uncollectible: { rank: 2, isDue: false, isUndone: false },
  paid: { rank: 3, isDue: false, isUndone: false },
  void: { rank: 3, isDue: false, isUndone: true },
  // Ours, for a draft that Stripe no longer has.
  deleted: { rank: 3, isDue: false, isUndone: true },
}
const lifeOf = (status: string) => lives[status] ?? { rank: 3, isDue: false, isUndone: false }

/** How much further the one status is in an invoice's life; 0: either may follow the other. */
export const ranksFrom = (from: string, to: string) => lifeOf(to).rank - lifeOf(from).rank

/** Nothing becomes of it any more. */
export const isSettled = (status: string) => lifeOf(status).rank === 3
export const isDue = (status: string) => lifeOf(status).isDue
export const isUndone = (status: string) => lifeOf(status).isUndone

export const unsettledStatuses = Object.keys(lives).filter((status) => !isSettled(status))
export const dueStatuses = Object.keys(lives).filter(isDue)
