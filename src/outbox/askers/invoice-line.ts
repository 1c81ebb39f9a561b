import type { Logger } from 'pino'
import type { Fact } from '../../log/facts.ts'
import { keyInMetadata } from '../../stripe/call.ts'
import type { Asker } from './asker.ts'

/**
 * Puts one line of `usage.invoiced` on its invoice, without any discount. Whatever Stripe refuses for good, as for an
 * invoice that is a draft no more, is not on it: the line goes on the next invoice.
 */
export const invoiceLine = (log: Logger): Asker<Fact<'usage.invoiced'>> => ({
  async wanted(_reader, { data }, effect) {
    const line = lineOf(effect)
    const priced = line === 'base' ? data.base : data.lines.find(({ usage_type }) => usage_type === line)
    if (priced === null || priced === undefined) throw new Error(`${data.invoice_id} has no ${line}`)
    return {
      params: {
        customer: data.customer_id,
        invoice: data.invoice_id,
        amount: priced.amount_cents,
        currency: data.currency,
        description: priced.description,
        discountable: false,
        metadata: {
          tenant_id: effect.tenantId,
          usage_type: line === 'base' ? 'platform_base' : line,
          quantity: 'quantity' in priced ? String(priced.quantity) : '1',
          [keyInMetadata]: effect.effectId,
        },
      },
    }
  },

  async refused(turn, { data: { invoice_id } }, effect, { code: reason }) {
    const { effectId, tenantId, stream } = effect
    const line = lineOf(effect)
    await turn.record(stream, [
      {
        fact_id: `${effectId}:missed`,
        type: 'usage.line_missed',
        tenant_id: tenantId,
        data: { invoice_id, line, reason },
        metadata: { causation: effectId },
      },
    ])
    log.error({ invoice_id, line, reason }, 'usage is not on its invoice; it goes on the next')
  },
})

function lineOf({ kind, params }: Parameters<ReturnType<typeof invoiceLine>['wanted']>[2]) {
  if (kind !== 'create_invoice_item') throw new Error(`${kind} puts no line on an invoice`)
  return params.line
}
