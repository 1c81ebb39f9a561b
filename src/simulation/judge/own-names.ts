import type { Fact } from '../../log/facts.ts'
import { ownInvoice, type Picture } from '../model.ts'

/** How late the service may make an invoice and still mean the model's, milliseconds. */
const mostLate = 3 * 3_600_000

/**
 * The model's names of the invoices of ours that the service asked for, by their keys: those of the instants at which it
 * asked, or, where the model has none of that instant, the nearest one of the subscription's that nobody asked for.
 * @param picture undefined: the instants alone
 */
export function ownNames(facts: readonly Fact[], picture?: Picture): Map<string, string> {
  const asked = facts.flatMap((fact) => (fact.type === 'usage.invoice_asked' ? [fact] : []))
  const names = new Map(
    asked.map(({ data, recorded_at }) => [
      data.invoice_key,
      ownInvoice(data.subscription_id, Date.parse(recorded_at)),
    ]),
  )
  const taken = new Set(names.values())
  const free = (picture?.invoices ?? []).filter(({ own, invoice }) => own && !taken.has(invoice))
  for (const { data, recorded_at } of asked) {
    const made = names.get(data.invoice_key) ?? ''
    if (picture?.invoices.some(({ invoice }) => invoice === made)) continue
    const away = ({ madeAt }: { madeAt: number }) => Math.abs(madeAt - Date.parse(recorded_at))
    const [nearest] = free
      .filter(({ subscription }) => subscription === data.subscription_id)
      .filter((invoice) => away(invoice) <= mostLate)
      .sort((a, b) => away(a) - away(b))
    if (nearest === undefined) continue
    free.splice(free.indexOf(nearest), 1)
    names.set(data.invoice_key, nearest.invoice)
  }
  return names
}
