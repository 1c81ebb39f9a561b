import type { Database } from '../db/database.ts'
import type { Reader } from '../db/tables.ts'
import type { Rates, UsageType } from '../log/facts.ts'
import { cardAt, exactSum, priceLine, type RateCard } from '../pricing/price.ts'
import { readRateCards } from '../pricing/rate-cards.ts'
import { readConsistently } from '../projections/consistent-read.ts'
import { nextInvoiceAmountCents } from '../views/next-invoice.ts'
import { isLive, latestSubscription } from '../views/subscriptions.ts'

/** `percent` has two decimals; null: something where there was nothing. */
export type Delta = { old_cents: number; new_cents: number; delta_cents: number; percent: number | null }

type RepricedTenant = Delta & { tenant_id: string; usage_cents: Delta; platform_base_cents: Delta }

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
 * What would have been charged, and would be, under other rates. Counted are the metered usage that occurred in
 * [from, to), one line per tenant, usage type and invoice (what is not billed yet is one more), each rounded once; and
 * the platform base, once per paid or open invoice over more than nothing of a subscription that was made in [from, to)
 * and once for the next invoice of a live subscription that falls due in it. Plans, discounts and taxes are the same
 * under any rates and left out.
 */
export function reprice(db: Database, options: RepriceOptions): Promise<RepriceReport> {
  const start = performance.now()
  return readConsistently(db, async (reader) => {
    const cards = await readRateCards(reader)
    const otherCards = cards.map((card) => ({ ...card, rates: { ...card.rates, ...options.rates } }))
    const tenantIds = options.tenantId === undefined ? await billedTenants(reader) : [options.tenantId]
    const tenants: RepricedTenant[] = []
    for (const [index, tenantId] of tenantIds.entries()) {
      const usage = await usageDelta(reader, tenantId, options, cards, otherCards)
      const base = await baseDelta(reader, tenantId, options, cards, otherCards)
      const both = delta(usage.old_cents + base.old_cents, usage.new_cents + base.new_cents)
      if (both.old_cents !== 0 || both.new_cents !== 0)
        tenants.push({ tenant_id: tenantId, ...both, usage_cents: usage, platform_base_cents: base })
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

async function usageDelta(
  reader: Reader,
  tenantId: string,
  { from, to }: RepriceOptions,
  cards: RateCard[],
  otherCards: RateCard[],
): Promise<Delta> {
  let query = reader
    .selectFrom('billing_usage_records')
    .select(['usage_type', 'action', 'quantity', 'occurred_at', 'position', 'invoice_id'])
    .$narrowType<{ usage_type: UsageType }>()
    .where('tenant_id', '=', tenantId)
    .where('voided_at', 'is', null)
  if (from !== undefined) query = query.where('occurred_at', '>=', from)
  if (to !== undefined) query = query.where('occurred_at', '<', to)
  const lines = Map.groupBy(
    await query.execute(),
    ({ usage_type, invoice_id }) => `${usage_type} ${invoice_id ?? ''}`,
  )
  const cents = (under: RateCard[]) =>
    exactSum([...lines.values()].map((line) => priceLine(line, under).amount_cents))
  return delta(cents(cards), cents(otherCards))
}

async function baseDelta(
  reader: Reader,
  tenantId: string,
  { from = '', to, now }: RepriceOptions,
  cards: RateCard[],
  otherCards: RateCard[],
): Promise<Delta> {
  const isWithin = (time: string) => time >= from && (to === undefined || time < to)
  const invoices = await reader
    .selectFrom('billing_invoices')
    .select('created_at')
    .where('tenant_id', '=', tenantId)
    .where('subscription_id', 'is not', null)
    .where('billing_reason', '=', 'subscription_cycle')
    .where('status', 'in', ['paid', 'open'])
    .where('total_cents', '>', 0)
    .execute()
  const times = invoices.map(({ created_at }) => created_at).filter(isWithin)
  const subscription = await latestSubscription(reader, tenantId)
  if (subscription !== undefined && isLive(subscription)) {
    const due = subscription.current_period_end ?? now.toISOString()
    const hasNext = (await nextInvoiceAmountCents(reader, subscription, now)) !== null
    if (hasNext && isWithin(due)) times.push(now.toISOString())
  }
  const base = (of: RateCard[]) =>
    times.reduce((sum, time) => sum + cardAt(of, time).rates.platform_base.rate_cents, 0)
  return delta(base(cards), base(otherCards))
}
