import type { Reader } from '../db/tables.ts'
import { type UsageType, usageTypes } from '../db/usage-types.ts'
import { duesOf } from './dues.ts'
import { knownOf } from './known.ts'
import { chargedCents } from './lines.ts'
import { ofGaps } from './summary.ts'

/** Of one type. `quantity` is that of the windows of which something is not charged. */
type Uncharged = { usage_type: UsageType; quantity: number; amount_cents: number }

/** What a tenant owes and was not charged yet, whenever it was used, less the credits that it still has. */
export async function unchargedOf(reader: Reader, tenantId: string): Promise<Uncharged[]> {
  const known = await knownOf(reader, tenantId)
  const dues = await duesOf(reader, known)
  const lines: Uncharged[] = []
  for (const usage_type of usageTypes) {
    const open = dues
      .filter(({ type }) => type === usage_type)
      .map((due) => ({ ...due, rest: due.cents - chargedCents(known.lines, due) }))
      .filter(({ rest }) => rest !== 0n)
    const gaps = await ofGaps(reader, known, sinceEver, usage_type)
    const cents = open.reduce((sum, { rest }) => sum + rest, gaps.unbilled)
    if (cents === 0n) continue
    const quantity = open.reduce((sum, due) => sum + due.quantity, gaps.unbilled > 0n ? gaps.quantity : 0n)
    lines.push({ usage_type, quantity: Number(quantity), amount_cents: Number(cents) })
  }
  return lines
}

const sinceEver = { from: '1970-01-01T00:00:00.000Z', to: '9999-12-31T00:00:00.000Z' }
