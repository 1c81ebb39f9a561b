import { createHash } from 'node:crypto'
import { isUndone } from '../../machines/invoice.ts'
import type { Reader, Row } from '../db/tables.ts'
import type { Turn } from '../effects/turn.ts'
import {
  type FactData,
  type FactType,
  type NewFact,
  streams,
  type UsageType,
  usageTypes,
} from '../log/facts.ts'
import type { Sighting } from '../log/sighting.ts'
import { owedBaseCents } from '../pricing/owed-base.ts'
import { cardAt, priceOf, type RateCard } from '../pricing/price.ts'
import { readRateCards } from '../pricing/rate-cards.ts'
import { isOfPlanAlone } from '../projections/invoices.ts'

const worker = { actor: 'worker' }

type Outcome<T extends FactType> = Pick<NewFact<T>, 'type' | 'data'>

/**
 * Decides, once, what goes on the invoice of a renewal beside the plan: on its draft all usage from before the period's
 * end that is on no invoice, of earlier periods too, and the platform base with what is owed of it. Of an invoice that is
 * first seen when it is final, or in another currency than the rate card's, the log says that it was missed, and all waits
 * for the next one. A type of usage that costs more than Stripe takes stays on no invoice until an operator has voided
 * what is wrong.
 */
export async function invoiceUsage(
  turn: Turn,
  { tenantId, objectId, object, cause }: Sighting,
): Promise<void> {
  if (tenantId === null) return
  const { trx, now, log } = turn
  const invoice = await trx
    .selectFrom('billing_invoices')
    .selectAll()
    .where('invoice_id', '=', objectId)
    .where('tenant_id', '=', tenantId)
    .executeTakeFirst()
  if (invoice === undefined || !isUndecidedRenewal(invoice)) return
  const cards = await readRateCards(trx)
  const { invoice_id, customer_id, currency } = invoice
  const usedUntil = invoice.period_end ?? now
  const baseCard = cardAt(cards, usedUntil)
  const base_cents = baseCard.rates.platform_base.rate_cents
  const append = (fact: Outcome<'usage.invoiced'> | Outcome<'usage.invoice_missed'>) =>
    turn.as(worker).record(streams.usage(tenantId), [
      {
        ...fact,
        fact_id: invoicedFactId(invoice_id),
        tenant_id: tenantId,
        metadata: { causation: cause },
      },
    ])

  const miss = async (reason: FactData<'usage.invoice_missed'>['reason']) => {
    await append({ type: 'usage.invoice_missed', data: { invoice_id, reason, base_cents } })
    log.error({ invoice_id, reason }, 'usage is not on its invoice; it goes on the next')
  }

  // Lines that are not the plan's: somebody else puts usage on the tenant's invoices, or Stripe has not said.
  if (invoice.status !== 'draft') {
    if (isOfPlanAlone(object)) await miss('final')
    return
  }
  const records = await usageUntil(trx, tenantId, usedUntil)
  const used = records.map(({ occurred_at }) => cardAt(cards, occurred_at))
  if ([baseCard, ...used].some((card) => card.currency !== currency)) return miss('currency')
  const baseCents = base_cents + (await owedBaseCents(trx, tenantId))
  const data: FactData<'usage.invoiced'> = {
    invoice_id,
    customer_id,
    currency,
    lines: linesOf(records, cards, (held) =>
      log.error({ invoice_id, tenant_id: tenantId, ...held }, 'usage is too much for an invoice: it is held'),
    ),
    base: baseCents === 0 ? null : { amount_cents: baseCents, description: 'Platform base' },
  }
  await append({ type: 'usage.invoiced', data })
  const lines = [
    ...data.lines.filter(({ amount_cents }) => amount_cents > 0).map(({ usage_type }) => usage_type),
    ...(data.base === null ? [] : (['base'] as const)),
  ]
  for (const line of lines) {
    await turn.enqueue({
      effectId: invoiceItemKey(tenantId, invoice_id, line),
      tenantId,
      stream: streams.usage(tenantId),
      kind: 'create_invoice_item',
      params: { fact_id: invoicedFactId(invoice_id), line },
    })
  }
}

/** A type of usage, or the platform base. */
type InvoiceLine = UsageType | 'base'

/** One decision per invoice: both of its outcomes have this id. */
const invoicedFactId = (invoiceId: string) => `usage_invoiced:${invoiceId}`

/** The effect's id and Stripe's idempotency key, which is at most 255 characters long. */
const invoiceItemKey = (tenantId: string, invoiceId: string, line: InvoiceLine) =>
  `stepledger:${createHash('sha256').update(tenantId).digest('hex').slice(0, 24)}:invoice_item:${invoiceId}:${line}`

const isUndecidedRenewal = (invoice: Row<'billing_invoices'>) =>
  invoice.billing_reason === 'subscription_cycle' &&
  invoice.subscription_id !== null &&
  invoice.usage_invoiced_at === null &&
  !isUndone(invoice.status)

function usageUntil(reader: Reader, tenantId: string, end: string) {
  return reader
    .selectFrom('billing_usage_records')
    .select(['record_id', 'usage_type', 'action', 'quantity', 'occurred_at', 'position'])
    .$narrowType<{ usage_type: UsageType }>()
    .where('tenant_id', '=', tenantId)
    .where('invoice_id', 'is', null)
    .where('voided_at', 'is', null)
    .where('occurred_at', '<', end)
    .orderBy('position')
    .execute()
}

function linesOf(
  records: Awaited<ReturnType<typeof usageUntil>>,
  cards: readonly RateCard[],
  onHeld: (held: { usage_type: UsageType; amount_cents: string }) => void,
): FactData<'usage.invoiced'>['lines'] {
  const byType = Map.groupBy(records, ({ usage_type }) => usage_type)
  return usageTypes.flatMap((usage_type) => {
    const ofType = byType.get(usage_type)
    if (ofType === undefined) return []
    const { quantity: units, amountCents } = priceOf(ofType, cards)
    const quantity = Number(units)
    if (amountCents > largestCents || !Number.isSafeInteger(quantity)) {
      onHeld({ usage_type, amount_cents: String(amountCents) })
      return []
    }
    const amount_cents = Number(amountCents)
    const record_ids = ofType.map(({ record_id }) => record_id)
    const description = `${names[usage_type]}: ${quantity}`
    return [{ usage_type, quantity, amount_cents, record_ids, description }]
  })
}

/** The most that Stripe takes as one amount, https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts */
const largestCents = 99_999_999n

/** As the customer reads them on the invoice. */
const names: Record<UsageType, string> = {
  agent: 'Agents',
  user: 'Users',
  case: 'Cases',
  event_ingestion: 'Events ingested',
  api_call: 'API calls',
  platform_base: 'Platform base, metered',
}
