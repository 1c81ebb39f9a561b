import type { Reader } from '../db/tables.ts'
import type { UsageType } from '../db/usage-types.ts'
import { pricedCents } from '../pricing/price.ts'
import { readRateCards } from '../pricing/rate-cards.ts'
import { countDue } from './dues.ts'
import { knownOf, type Window } from './known.ts'
import { largestCents } from './lines.ts'
import { highestSetIn, incrementsIn, setAt } from './recorded.ts'

/** How long an answer holds. */
const holdsMs = 1_000

/**
 * Whether the window in which usage has occurred is held for its type. Most are far from the limit, and that is seen by a few sums: all that
 * was added in the window, and the highest `set`, at the highest rate there was. Only above that the window is counted. An answer holds
 * for a second for its tenant and type, but for a quantity that alone may pass the limit.
 */
export function overLimit(reader: Reader): (record: Used) => Promise<boolean> {
  const answers = new Map<string, { until: number; isHeld: boolean }>()
  return async (record) => {
    const key = `${record.tenant_id} ${record.usage_type}`
    const now = performance.now()
    const answer = answers.get(key)
    if (answer !== undefined && now < answer.until && record.quantity < largeQuantity) return answer.isHeld
    const isHeld = await isHeldNow(reader, record)
    if (answers.size >= mostAnswers) answers.clear()
    answers.set(key, { until: now + holdsMs, isHeld })
    return isHeld
  }
}

type Used = { tenant_id: string; usage_type: UsageType; quantity: number; occurred_at: string }

const largeQuantity = 1_000
const mostAnswers = 10_000

async function isHeldNow(reader: Reader, { tenant_id, usage_type, occurred_at }: Used): Promise<boolean> {
  const window = await reader
    .selectFrom('billing_windows')
    .selectAll()
    .where('tenant_id', '=', tenant_id)
    .where('counts_from', '<=', occurred_at)
    .where('ends_at', '>', occurred_at)
    .orderBy('starts_at')
    .executeTakeFirst()
  if (window === undefined || !(await mayPass(reader, window, usage_type))) return false
  const due = await countDue(reader, await knownOf(reader, tenant_id), window, usage_type)
  return due.state === 'held'
}

/** Records of the fee are few: these are counted. */
async function mayPass(reader: Reader, window: Window, usageType: UsageType): Promise<boolean> {
  if (usageType === 'platform_base') return true
  const usage = { reader, tenantId: window.tenant_id, usageType }
  const span = { from: window.counts_from, to: window.ends_at }
  const quantity =
    (await incrementsIn(usage, { ...span, after: 0, upto: null })) +
    ((await highestSetIn(usage, span))?.quantity ?? 0n) +
    ((await setAt(usage, window.starts_at))?.quantity ?? 0n)
  const cards = await readRateCards(reader)
  return cards.some(
    ({ rates }) => pricedCents([{ quantity, rate: rates[usageType] }], window.currency) > largestCents,
  )
}
