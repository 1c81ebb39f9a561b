import { countDues } from '../charges/dues.ts'
import { knownOf } from '../charges/known.ts'
import { nextInvoiceOf } from '../charges/next-invoice.ts'
import type { Database } from '../db/database.ts'
import type { Reader } from '../db/tables.ts'
import type { Rates } from '../log/facts.ts'
import type { RateCard } from '../pricing/price.ts'
import { readRateCards } from '../pricing/rate-cards.ts'
import { readConsistently } from '../projections/consistent-read.ts'

/** `percent` has two decimals; null: something where there was nothing. */
export type Delta = { old_cents: number; new_cents: number; delta_cents: number; percent: number | null }

type RepricedTenant = Delta & {
  tenant_id: string
  usage_cents: Delta
  platform_base_cents: Delta
  next_invoice_cents: Delta
}

export type RepriceReport = {
  currency: string
  /** The rates that are other than those in force. */
  rates: Partial<Rates>
  from: string | null
  to: string | null
  total: Delta
  /** Those with anything to price, the largest change first. */
  tenants: RepricedTenant[]
  seconds: number
}

type RepriceOptions = {
  /** What-if; a type that is left out keeps the rate that was in force. */
  rates: Partial<Rates>
  tenantId?: string | undefined
  /** UTC ISO 8601: [from, to). Default: all time. */
  from?: string | undefined
  to?: string | undefined
  now: Date
  onProgress?: ((done: number, total: number) => void) | undefined
}

/**
 * What would be due, and charged next, under other rates. Counted are the windows (service months) that touch [from, to): their usage
 * and their platform base, each type rounded once a window; and apart from these the next invoice as a whole. What the plans
 * cost, and what is outside all windows, is the same under any rates and left out of the totals.
 */
export function reprice(db: Database, options: RepriceOptions): Promise<RepriceReport> {
  const start = performance.now()
  return readConsistently(db, async (reader) => {
    const cards = await readRateCards(reader)
    const otherCards = cards.map((card) => ({ ...card, rates: { ...card.rates, ...options.rates } }))
    const tenantIds = options.tenantId === undefined ? await billedTenants(reader) : [options.tenantId]
    const tenants: RepricedTenant[] = []
    for (const [index, tenantId] of tenantIds.entries()) {
      const { usage, base, next } = await windowDeltas(reader, tenantId, options, cards, otherCards)
      const both = delta(usage.old_cents + base.old_cents, usage.new_cents + base.new_cents)
      if (both.old_cents !== 0 || both.new_cents !== 0)
        tenants.push({
          tenant_id: tenantId,
          ...both,
          usage_cents: usage,
          platform_base_cents: base,
          next_invoice_cents: next,
        })
      options.onProgress?.(index + 1, tenantIds.length)
    }
    tenants.sort((a, b) => Math.abs(b.delta_cents) - Math.abs(a.delta_cents))
    const sum = (key: 'old_cents' | 'new_cents') => tenants.reduce((total, one) => total + one[key], 0)
    return {
      currency: cards.at(-1)?.currency ?? '',
      rates: options.rates,
      from: options.from ?? null,
      to: options.to ?? null,
      total: delta(sum('old_cents'), sum('new_cents')),
      tenants,
      seconds: Number(((performance.now() - start) / 1000).toFixed(3)),
    }
  })
}

/** Whether the total, or any tenant, changes by more than so many percent, up or down. */
export function changesMoreThan({ total, tenants }: RepriceReport, percent: number): boolean {
  return [total, ...tenants].some((one) => one.percent === null || Math.abs(one.percent) > percent)
}

function delta(oldCents: number, newCents: number): Delta {
  const difference = newCents - oldCents
  const percent =
    difference === 0 ? 0 : oldCents === 0 ? null : Math.round((difference / oldCents) * 10_000) / 100
  return { old_cents: oldCents, new_cents: newCents, delta_cents: difference, percent }
}

async function billedTenants(reader: Reader): Promise<string[]> {
  const rows = await reader
    .selectFrom('billing_usage_records')
    .select('tenant_id')
    .union(reader.selectFrom('billing_subscriptions').select('tenant_id'))
    .execute()
  return rows.map(({ tenant_id }) => tenant_id).sort()
}

/** What the windows of the period owe under each card: usage, and the base of windows that begin in it. */
async function windowDeltas(
  reader: Reader,
  tenantId: string,
  { from = '', to = '9999' }: RepriceOptions,
  cards: RateCard[],
  otherCards: RateCard[],
): Promise<{ usage: Delta; base: Delta; next: Delta }> {
  const known = await knownOf(reader, tenantId)
  const windows = known.windows.filter(({ starts_at, ends_at }) => starts_at < to && ends_at > from)
  const under = async (held: RateCard[]) => {
    const dues = await countDues(reader, { ...known, cards: held }, windows)
    const sum = (some: typeof dues) => Number(some.reduce((total, { cents }) => total + cents, 0n))
    return {
      usage: sum(dues.filter(({ type }) => type !== 'platform_base')),
      base: sum(dues.filter(({ type }) => type === 'platform_base')),
      next: (await nextInvoiceOf(reader, { ...known, cards: held })) ?? 0,
    }
  }
  const [before, after] = [await under(cards), await under(otherCards)]
  return {
    usage: delta(before.usage, after.usage),
    base: delta(before.base, after.base),
    next: delta(before.next, after.next),
  }
}
