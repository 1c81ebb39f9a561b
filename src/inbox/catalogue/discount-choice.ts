/** A coupon that is there, or a promotion code, wherever it was read. */
export type Candidate<C, P> = ({ kind: 'coupon'; of: C } | { kind: 'promotion_code'; of: P }) & {
  code: string
  couponId: string
  /** ISO 8601 UTC. */
  createdAt: string
  isActive: boolean
}

/**
 * What a code stands for: its active promotion code; else the coupon of that name, unless one of its promotion codes
 * was switched off; else the newest promotion code that is not active any more. One that is older than the coupon was
 * an earlier coupon's, which was deleted before this one was made under its name.
 */
export function chooseDiscount<C, P>(
  code: string,
  candidates: readonly Candidate<C, P>[],
): { coupon: C; promotionCode: P | undefined } | undefined {
  const couponById = new Map(
    candidates.filter((each) => each.kind === 'coupon').map((coupon) => [coupon.couponId, coupon]),
  )
  const isNamed = (candidate: Candidate<C, P>) => candidate.code.toLowerCase() === code.toLowerCase()
  const ofCoupon = ({ couponId, createdAt }: Candidate<C, P>) => {
    const coupon = couponById.get(couponId)
    return coupon !== undefined && coupon.createdAt <= createdAt ? coupon : undefined
  }
  const [newest] = candidates
    .filter((each) => each.kind === 'promotion_code')
    .filter((each) => isNamed(each) && ofCoupon(each) !== undefined)
    .sort((a, b) => Number(b.isActive) - Number(a.isActive) || (a.createdAt < b.createdAt ? 1 : -1))
  const own = [...couponById.values()].find(isNamed)
  if (newest === undefined) return own && { coupon: own.of, promotionCode: undefined }
  const isSuperseded = !newest.isActive && own !== undefined && own.createdAt > newest.createdAt
  if (isSuperseded) return { coupon: own.of, promotionCode: undefined }
  const coupon = ofCoupon(newest)
  return coupon && { coupon: coupon.of, promotionCode: newest.of }
}
