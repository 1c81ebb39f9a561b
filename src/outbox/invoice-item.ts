import { type AppContext, requireStripe } from '../context.ts'
import type { Reader } from '../db/tables.ts'
import type { Effect } from '../effects/effects.ts'
import type { EffectHandler } from '../effects/handler.ts'
import { invoicedFactId } from '../inbox/invoice-usage.ts'
import { takeIn } from '../inbox/take-in.ts'
import type { Fact } from '../log/facts.ts'
import { factById } from '../log/read.ts'
import { keyInMetadata } from '../stripe/calls.ts'
import { StripeFailure } from '../stripe/failure.ts'
import type { Observation } from '../stripe/gateway.ts'
import { callStripe } from './stripe-call.ts'

/**
 * Puts one line of `usage.invoiced` on its invoice, without any discount. Whatever Stripe refuses for good, as for an
 * invoice that is a draft no more, is not on it: the line goes on the next invoice.
 */
export const invoiceItem = (
  context: Pick<AppContext, 'db' | 'now' | 'stripe' | 'log'>,
): EffectHandler<'invoice_item', Observation> => ({
  async run(effect) {
    const params = await paramsOf(context.db.reader, effect)
    const request = { call: 'create_invoice_item', params, key: effect.effectId } as const
    return callStripe(requireStripe(context), effect, request, context.now())
  },

  async done(turn, { tenantId, effectId }, observation) {
    await takeIn(turn, [observation], { cause: effectId, tenantId })
  },

  async refused(turn, { effectId, tenantId, stream, params: { invoice_id, line } }, refusal) {
    const reason = refusal instanceof StripeFailure ? refusal.code : 'refused'
    await turn.record(stream, [
      {
        fact_id: `${effectId}:missed`,
        type: 'usage.line_missed',
        tenant_id: tenantId,
        data: { invoice_id, line, reason },
        metadata: { causation: effectId },
      },
    ])
    context.log.error({ invoice_id, line, reason }, 'usage is not on its invoice; it goes on the next')
  },
})

async function paramsOf(
  reader: Reader,
  { effectId, tenantId, params }: Effect<'invoice_item'>,
): Promise<Record<string, unknown>> {
  const { invoice_id: invoiceId, line } = params
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
