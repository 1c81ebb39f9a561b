import { type AppContext, requireStripe } from '../context.ts'
import type { Reader, Trx } from '../db/tables.ts'
import type { Effect } from '../effects/effects.ts'
import type { EffectHandler } from '../effects/handler.ts'
import { type InvoiceLine, invoicedFactId } from '../inbox/invoice-usage.ts'
import { observationFact } from '../inbox/observation-fact.ts'
import { type Fact, streams } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { record } from '../projections/record.ts'
import { keyInMetadata } from '../stripe/calls.ts'
import { StripeFailure } from '../stripe/failure.ts'
import type { Observation } from '../stripe/gateway.ts'
import { callStripe } from './stripe-call.ts'

/**
 * Puts one line of `usage.invoiced` on its invoice, without any discount. Whatever Stripe refuses for good, as for an
 * invoice that is a draft no more, is not on it: the line goes on the next invoice.
 */
export const invoiceItem = (context: Pick<AppContext, 'db' | 'now' | 'stripe' | 'log'>): EffectHandler => ({
  async run(effect) {
    const params = await paramsOf(context.db.reader, effect)
    const request = { call: 'create_invoice_item', params, key: effect.effectId } as const
    return callStripe(requireStripe(context), effect, request, context.now())
  },

  async done(trx: Trx, effect: Effect, observation: Observation, now: string) {
    const { tenantId, effectId } = effect
    if (tenantId === null) return
    const fact = observationFact(observation, {
      factId: `${effectId}:${observation.objectId}`,
      tenantId,
      metadata: { actor: 'worker', causation: effectId },
      occurredAt: now,
    })
    await record(trx, streams.billing(tenantId), 'any', [fact], now)
  },

  async refused(trx: Trx, { effectId, tenantId, stream }: Effect, refusal: Error, now: string) {
    const { invoiceId: invoice_id, line } = partsOf(effectId)
    const reason = refusal instanceof StripeFailure ? refusal.code : 'refused'
    await record(
      trx,
      stream,
      'any',
      [
        {
          fact_id: `${effectId}:missed`,
          type: 'usage.line_missed',
          tenant_id: tenantId,
          data: { invoice_id, line, reason },
          metadata: { actor: 'worker', causation: effectId },
          occurred_at: now,
        },
      ],
      now,
    )
    context.log.error({ invoice_id, line, reason }, 'usage is not on its invoice; it goes on the next')
  },
})

async function paramsOf(reader: Reader, { effectId, tenantId }: Effect): Promise<Record<string, unknown>> {
  const { invoiceId, line } = partsOf(effectId)
  const { data } = (await factById(reader, invoicedFactId(invoiceId))) as Fact<'usage.invoiced'>
  const priced = line === 'base' ? data.base : data.lines.find(({ usage_type }) => usage_type === line)
  if (priced === null || priced === undefined) throw new Error(`${invoicedFactId(invoiceId)} has no ${line}`)
  return {
    customer: data.customer_id,
    invoice: invoiceId,
    amount: priced.amount_cents,
    currency: data.currency,
    description: priced.description,
    discountable: false,
    metadata: {
      tenant_id: tenantId,
      usage_type: line === 'base' ? 'platform_base' : line,
      quantity: 'quantity' in priced ? String(priced.quantity) : '1',
      [keyInMetadata]: effectId,
    },
  }
}

/** Of a key that `invoiceItemKey` has made: the last two parts. */
function partsOf(effectId: string): { invoiceId: string; line: InvoiceLine } {
  const [invoiceId = '', line = ''] = effectId.split(':').slice(-2)
  return { invoiceId, line: line as InvoiceLine }
}
