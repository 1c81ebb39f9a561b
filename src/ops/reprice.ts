import { countDues } from '../charges/dues.ts'
import { type Known, knownOf } from '../charges/known.ts'
import { nextCentsOf } from '../charges/next-invoice.ts'
import type { Database } from '../db/database.ts'
import type { Reader } from '../db/tables.ts'
import { AppError } from '../errors.ts'
import { readRateCards } from '../pricing/rate-cards.ts'
import { readConsistently } from '../projections/consistent-read.ts'
import { type Prices, withPrices } from './supposed.ts'

/** `percent` has two decimals; null: something where there was nothing. */
export type Delta = { old_cents: number; new_cents: number; delta_cents: number; percent: number | null }

/** What the months owe, usage and base together; and apart from that the next invoice, with the plan in it. */
type Repriced = Delta & { usage_cents: Delta; platform_base_cents: Delta; next_invoice_cents: Delta }

export type RepriceReport = Prices & {
  currency: string
  from: string | null
  to: string | null
  total: Repriced
  /** Those with anything to price, the largest change first. */
  tenants: (Repriced & { tenant_id: string })[]
  seconds: number
}

type RepriceOptions = Prices & {
  tenantId?: string | undefined
  /** UTC ISO 8601: [from, to). Default: all time. */
  from?: string | undefined
  to?: string | undefined
  onProgress?: ((done: number, total: number) => void) | undefined
}

/**
 * What would be due under other rates, and what each tenant's next invoice would be under them and other prices of plans. Due is what
 * the windows (service months) that touch [from, to) owe: their usage and their platform base, each type rounded once a window.
 * What is outside all windows, and what is in another currency than the rates, is left out.
 * @throws AppError invalid_request for the price of a plan that nobody knows
 */
export function reprice(db: Database, options: RepriceOptions): Promise<RepriceReport> {
  const start = performance.now()
  const { rates, plans, tenantId, from, to, onProgress } = options
  return readConsistently(db, async (reader) => {
    await assertKnown(reader, Object.keys(plans))
    const tenantIds = tenantId === undefined ? await billedTenants(reader) : [tenantId]
    const tenants: RepriceReport['tenants'] = []
    for (const [index, tenant_id] of tenantIds.entries()) {
      const repriced = await repricedTenant(reader, tenant_id, options)
      const { next_invoice_cents: next } = repriced
      if ([repriced, next].some(({ old_cents, new_cents }) => old_cents !== 0 || new_cents !== 0))
        tenants.push({ tenant_id, ...repriced })
      onProgress?.(index + 1, tenantIds.length)
    }
    const change = ({ delta_cents, next_invoice_cents }: Repriced) =>
      Math.max(Math.abs(delta_cents), Math.abs(next_invoice_cents.delta_cents))
    tenants.sort((a, b) => change(b) - change(a))
    return {
      currency: (await readRateCards(reader)).at(-1)?.currency ?? '',
      rates,
      plans,
      from: from ?? null,
      to: to ?? null,
      total: {
        ...sumOf(tenants),
        usage_cents: sumOf(tenants.map((one) => one.usage_cents)),
        platform_base_cents: sumOf(tenants.map((one) => one.platform_base_cents)),
        next_invoice_cents: sumOf(tenants.map((one) => one.next_invoice_cents)),
      },
      tenants,
      seconds: Number(((performance.now() - start) / 1000).toFixed(3)),
    }
  })
}

/** Whether the total, or any tenant, changes by more than so many percent, up or down: what is due, or the next invoice. */
export function changesMoreThan({ total, tenants }: RepriceReport, percent: number): boolean {
  return [total, ...tenants]
    .flatMap((one) => [one, one.next_invoice_cents])
    .some((one) => one.percent === null || Math.abs(one.percent) > percent)
}

function delta(oldCents: number, newCents: number): Delta {
  const difference = newCents - oldCents
  const percent =
    difference === 0 ? 0 : oldCents === 0 ? null : Math.round((difference / oldCents) * 10_000) / 100
  return { old_cents: oldCents, new_cents: newCents, delta_cents: difference, percent }
}

const sumOf = (deltas: readonly Delta[]): Delta =>
  delta(
    deltas.reduce((sum, { old_cents }) => sum + old_cents, 0),
    deltas.reduce((sum, { new_cents }) => sum + new_cents, 0),
  )

async function billedTenants(reader: Reader): Promise<string[]> {
  const rows = await reader.selectFrom('billing_subscriptions').select('tenant_id').distinct().execute()
  return rows.map(({ tenant_id }) => tenant_id).sort()
}

/** A typing error would change nothing, and be taken for good news. */
async function assertKnown(reader: Reader, priceIds: string[]): Promise<void> {
  for (const priceId of priceIds) {
    const prices = reader.selectFrom('billing_prices').select('price_id').where('price_id', '=', priceId)
    const sold = reader.selectFrom('billing_subscriptions').select('price_id').where('price_id', '=', priceId)
    if ((await prices.executeTakeFirst()) ?? (await sold.executeTakeFirst())) continue
    const message = `no plan has the price ${priceId}`
    throw new AppError('invalid_request', message, { details: { fields: [{ path: 'plans', message }] } })
  }
}

async function repricedTenant(
  reader: Reader,
  tenantId: string,
  { from = '', to = '9999', rates, plans }: RepriceOptions,
): Promise<Repriced> {
  const all = await knownOf(reader, tenantId)
  // Amounts of two currencies are never added.
  const currency = all.cards.at(-1)?.currency
  const known = { ...all, windows: all.windows.filter((window) => window.currency === currency) }
  const otherCards = known.cards.map((card) => ({ ...card, rates: { ...card.rates, ...rates } }))
  const windows = known.windows.filter(({ starts_at, ends_at }) => starts_at < to && ends_at > from)
  const dueOf = async (under: Known) => {
    const dues = await countDues(reader, under, windows)
    const sum = (some: typeof dues) => Number(some.reduce((total, { cents }) => total + cents, 0n))
    const isBase = ({ type }: (typeof dues)[number]) => type === 'platform_base'
    return { usage: sum(dues.filter((due) => !isBase(due))), base: sum(dues.filter(isBase)) }
  }
  const [before, after] = [await dueOf(known), await dueOf({ ...known, cards: otherCards })]
  const next = await nextCentsOf(reader, known)
  const otherNext = await nextCentsOf(reader, withPrices(known, { rates, plans }))
  return {
    ...delta(before.usage + before.base, after.usage + after.base),
    usage_cents: delta(before.usage, after.usage),
    platform_base_cents: delta(before.base, after.base),
    next_invoice_cents: delta(next ?? 0, otherNext ?? 0),
  }
}
