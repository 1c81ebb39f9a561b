import type { Picture } from '../model.ts'

/** Exact cents, by what has become of them. All invoices together are the sum of all but the last two. */
export type Money = {
  billed: bigint
  outstanding: bigint
  forgiven: bigint
  written_off: bigint
  credited: bigint
  from_balance: bigint
  held: bigint
  credit_carried: bigint
}

export const noMoney: Money = {
  ...{ billed: 0n, outstanding: 0n, forgiven: 0n, written_off: 0n, credited: 0n, from_balance: 0n },
  ...{ held: 0n, credit_carried: 0n },
}

export function moneyOf({ invoices, heldCents, creditCents }: Picture): Money {
  const sumOf = (part: (invoice: Picture['invoices'][number]) => bigint) =>
    invoices.reduce((sum, invoice) => sum + part(invoice), 0n)
  return {
    billed: sumOf(({ paidCents }) => paidCents),
    outstanding: sumOf(({ outstandingCents }) => outstandingCents),
    forgiven: sumOf(({ forgivenCents }) => forgivenCents),
    written_off: sumOf(({ writtenOffCents }) => writtenOffCents),
    credited: sumOf(({ creditedCents }) => creditedCents),
    from_balance: sumOf(({ balanceCents }) => balanceCents),
    held: heldCents,
    credit_carried: creditCents,
  }
}

export function addMoney(a: Money, b: Money): Money {
  return eachOf(a, (cents, name) => cents + b[name])
}

/** For JSON, which has no exact numbers of any size. */
export const inCents = (money: Money): Record<keyof Money, number> => eachOf(money, Number)

function eachOf<T>(money: Money, of: (cents: bigint, name: keyof Money) => T): Record<keyof Money, T> {
  const entries = Object.entries(money).map(([name, cents]) => [name, of(cents, name as keyof Money)])
  return Object.fromEntries(entries)
}
