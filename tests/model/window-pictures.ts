import { duesOf } from './dues.ts'
import type { Instant, UsageType } from './history.ts'
import { chargedCents } from './lines.ts'
import type { Billing } from './making.ts'
import { windowsOf } from './windows.ts'

export interface WindowPicture {
  readonly subscription: string
  readonly start: Instant
  readonly end: Instant
  readonly trial: boolean
  readonly closed: boolean
  /** Types that owe something or were charged for. */
  readonly dues: readonly DuePicture[]
}

export interface DuePicture {
  readonly type: UsageType
  /** Of what costs something. */
  readonly quantity: bigint
  readonly dueCents: bigint
  readonly chargedCents: bigint
  readonly held: boolean
  readonly unpriced: boolean
}

export function windowPictures({ known, lines }: Billing, now: Instant): WindowPicture[] {
  const dues = duesOf(known, now)
  return windowsOf(known, now)
    .map(({ subscription, start, end, trial, closesAt }) => ({
      subscription: subscription.id,
      start,
      end,
      trial,
      closed: closesAt <= now,
      dues: dues
        .filter(({ window }) => window.subscription.id === subscription.id && window.start === start)
        .map((due) => ({
          type: due.type,
          quantity: due.quantity,
          dueCents: due.cents,
          chargedCents: chargedCents(lines, due),
          held: due.held,
          unpriced: due.unpriced,
        }))
        .filter(({ dueCents, chargedCents }) => dueCents !== 0n || chargedCents !== 0n),
    }))
    .filter(({ start, end, dues }) => start < end || dues.length > 0)
}
