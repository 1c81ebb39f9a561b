import type { UsageType } from '../model.ts'
import type { InvoiceNames } from './invoice-names.ts'
import type { Teller } from './telling.ts'

/** The reason of the service's own, where it took a line off a draft again: the model does that by itself. */
const takenOff = 'taken_off'

type Asked = { type: UsageType; invoice: string }

/** What Stripe refused, and what an operator had charged again. */
export function linesEntries(names: InvoiceNames): Teller {
  const asked = new Map<string, Asked>()
  return ({ type, data }) => {
    switch (type) {
      case 'usage.line_asked': {
        const { line_id, usage_type, invoice_id, invoice_key } = data
        const invoice = names.ofKey(invoice_key ?? '') ?? names.of(invoice_id ?? '')
        asked.set(line_id, { type: usage_type, invoice })
        return []
      }
      case 'usage.line_refused': {
        const line = asked.get(data.line_id)
        return line === undefined || data.reason === takenOff ? [] : [{ kind: 'lines_refused', ...line }]
      }
      case 'usage.rebilled':
        return [{ kind: 'rebill', invoice: names.of(data.invoice_id) }]
      default:
        return []
    }
  }
}
