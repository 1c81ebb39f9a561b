import { lineEffect } from '../../charges/ask-line.ts'
import { dayMs, later } from '../../charges/months.ts'
import type { Reader } from '../../db/tables.ts'
import type { NewEffect } from '../../effects/effects.ts'
import type { Turn } from '../../effects/turn.ts'
import { enqueueRefresh } from '../../inbox/enqueue-refresh.ts'
import type { Fact } from '../../log/facts.ts'
import { keyInMetadata } from '../../stripe/call.ts'
import type { Asker } from './asker.ts'

type InvoiceFact = Fact<'usage.invoice_asked'>

/** A payment that fails is tried again so many days after the first attempt. */
const retryDays = [1, 3, 5, 7]

/**
 * An invoice of our own, one call after the other, each asked for by what the one before has brought: made; its lines put on it
 * (`chargeLine`); finalised; paid, or sent. One without a line is deleted again.
 */
export const ownInvoice: Asker<InvoiceFact> = {
  async wanted(reader, { data, tenant_id }, { kind }) {
    if (kind !== 'create_invoice') return { params: {}, targetId: await idOf(reader, data.invoice_key) }
    const { days_until_due, default_payment_method } = data
    return {
      params: {
        customer: data.customer_id,
        currency: data.currency,
        collection_method: data.collection_method,
        ...(days_until_due === null ? {} : { days_until_due }),
        ...(default_payment_method === null ? {} : { default_payment_method }),
        metadata: { tenant_id, [keyInMetadata]: data.invoice_key },
      },
    }
  },

  async answered(turn, fact, { kind }, { object }) {
    const { invoice_key, collection_method } = fact.data
    if (kind === 'create_invoice') return putLinesOn(turn, fact)
    if (kind !== 'finalize_invoice' || !('status' in object) || object.status !== 'open') return
    await turn.enqueue(
      collection_method === 'send_invoice'
        ? call(fact, 'send_invoice', `${invoice_key}:send`)
        : call(fact, 'pay_invoice', payment(invoice_key, 0)),
    )
  },

  async refused(turn, fact, { kind, effectId, tenantId }, { code }) {
    const { invoice_key } = fact.data
    if (kind === 'create_invoice') return refuseLines(turn, fact, code)
    const invoice = { objectType: 'invoice', objectId: await idOf(turn.trx, invoice_key), tenantId } as const
    await enqueueRefresh(turn, invoice, effectId)
    if (kind !== 'pay_invoice') return
    const attempt = Number(effectId.slice(effectId.lastIndexOf(':') + 1))
    const days = retryDays[attempt]
    if (days === undefined) return
    const dueAt = later(turn.now, (days - (retryDays[attempt - 1] ?? 0)) * dayMs)
    await turn.enqueue({ ...call(fact, 'pay_invoice', payment(invoice_key, attempt + 1)), dueAt })
  },
}

/** Once none of its lines is under way any more, an invoice of ours is made final; one without any is deleted. */
export async function continueInvoice(turn: Turn, fact: InvoiceFact): Promise<void> {
  const { invoice_key } = fact.data
  const lines = await turn.trx
    .selectFrom('billing_usage_lines as l')
    .leftJoin('effects as e', 'e.effect_id', 'l.line_id')
    .select(['l.refusal', 'e.status'])
    .where('l.invoice_key', '=', invoice_key)
    .execute()
  if (lines.some(({ status }) => status === null || status === 'pending')) return
  const isEmpty = lines.every(({ refusal }) => refusal !== null)
  await turn.enqueue(
    isEmpty
      ? call(fact, 'delete_invoice', `${invoice_key}:delete`)
      : call(fact, 'finalize_invoice', `${invoice_key}:finalize`),
  )
}

const payment = (invoiceKey: string, attempt: number) => `${invoiceKey}:pay:${attempt}`

const call = (
  { stream, tenant_id, fact_id }: InvoiceFact,
  kind: 'finalize_invoice' | 'pay_invoice' | 'send_invoice' | 'delete_invoice',
  effectId: string,
): NewEffect => ({ effectId, tenantId: tenant_id, stream, kind, params: { fact_id } })

async function idOf(reader: Reader, invoiceKey: string): Promise<string> {
  const invoice = await reader
    .selectFrom('billing_invoices')
    .select('invoice_id')
    .where('made_under', '=', invoiceKey)
    .executeTakeFirstOrThrow()
  return invoice.invoice_id
}

async function putLinesOn(turn: Turn, { tenant_id, data }: InvoiceFact): Promise<void> {
  for (const lineId of await lineIds(turn, data.invoice_key))
    await turn.enqueue(lineEffect(tenant_id ?? '', lineId, 'item'))
}

/** As where the customer is gone at Stripe. */
async function refuseLines(
  turn: Turn,
  { tenant_id, stream, data }: InvoiceFact,
  reason: string,
): Promise<void> {
  const lines = await lineIds(turn, data.invoice_key)
  await turn.record(
    stream,
    lines.map((line_id) => ({
      fact_id: `${line_id}:refused`,
      type: 'usage.line_refused',
      tenant_id,
      data: { line_id, reason },
    })),
  )
  turn.log.error(
    { invoice_key: data.invoice_key, reason },
    'an invoice of our own was refused; its lines wait',
  )
}

async function lineIds(turn: Turn, invoiceKey: string): Promise<string[]> {
  const lines = await turn.trx
    .selectFrom('billing_usage_lines')
    .select('line_id')
    .where('invoice_key', '=', invoiceKey)
    .orderBy('position')
    .execute()
  return lines.map(({ line_id }) => line_id)
}
